// Who was refused of late, how often, and by what: for `dojo-host ctl why`.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <dojo/code.hpp>

#include "policy/visit.hpp"

namespace dojo::policy {

/// One refusal.
struct RefusalNote {
  const wire::PublicKey* hotkey = nullptr;  ///< null: the request named none
  const base::IpAddress* ip = nullptr;      ///< null: not known
  bool known =
      false;  ///< the hotkey is proven, registered, or named by a rule: not anybody's invention
  Code code = Code::internal;
  std::string_view rule{};    ///< what made it: a rule's name, a quota's, or empty
  std::string_view reason{};  ///< the full reason, as in the log
  std::string_view route{};
};

/// Counts by hotkey and by IP (IPv6 by its /64), in steps of ten minutes, for a day. Bounded: of
/// more subjects than it has room for, the one refused longest ago goes; hotkeys that are not
/// `known` have a room of their own, so that a flood of invented ones pushes nobody else out. Of
/// one subject 16 kinds are kept, of texts the beginning. Any thread; never throws.
class RefusalBook {
 public:
  static constexpr std::chrono::minutes kStep{10};
  static constexpr std::chrono::hours kHorizon{24};

  /// @param subjects in each of its three rooms, at most
  explicit RefusalBook(std::size_t subjects = 4'096);
  ~RefusalBook();
  RefusalBook(const RefusalBook&) = delete;
  RefusalBook& operator=(const RefusalBook&) = delete;

  void note(const RefusalNote& note, WallTime now) noexcept;

  struct Line {
    Code code = Code::internal;
    std::string rule;
    std::string reason;  ///< of the last one
    std::string route;   ///< of the last one
    std::uint64_t count = 0;
    WallTime first;  ///< of those that count
    WallTime last;
  };
  /// What was refused in the time up to `now`, most often first. Steps count whole.
  [[nodiscard]] std::vector<Line> of(const wire::PublicKey& hotkey, std::chrono::seconds last,
                                     WallTime now) const;
  [[nodiscard]] std::vector<Line> of(const base::IpAddress& ip, std::chrono::seconds last,
                                     WallTime now) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dojo::policy
