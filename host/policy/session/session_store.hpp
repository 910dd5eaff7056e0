// Sessions that are open, in memory alone: a restart forgets them, and with them their keys.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include <dojo/wire/session.hpp>

#include "policy/session/count_window.hpp"
#include "policy/visit.hpp"
#include "wire/key_hash.hpp"

namespace dojo::policy {

struct SessionOptions {
  bool offered = true;
  std::chrono::seconds lifetime{3'600};
  std::size_t per_hotkey = 8;
  std::size_t total = 4'096;  ///< about 600 bytes each
};

/// An open session. Any thread.
class Session {
 public:
  Session(const wire::SessionTerms& terms, const wire::SessionKey& key);

  [[nodiscard]] const wire::SessionId& id() const { return id_; }
  /// Who opened it.
  [[nodiscard]] const wire::PublicKey& hotkey() const { return hotkey_; }
  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] const wire::SessionKey& key() const { return key_; }
  [[nodiscard]] WallTime expires() const { return expires_; }

  /// Uses the number of a request whose tag is right. @return false if that cannot be, see
  /// CountWindow: exactly one of several threads gets true. @param now is remembered
  bool take(std::uint64_t number, WallTime now);
  [[nodiscard]] WallTime last_used() const {
    return WallTime(std::chrono::milliseconds(last_used_ms_.load(std::memory_order_relaxed)));
  }

 private:
  const wire::SessionId id_;
  const wire::PublicKey hotkey_;
  const std::string address_;
  const wire::SessionKey key_;
  const WallTime expires_;
  std::atomic<std::int64_t> last_used_ms_{0};
  std::mutex mutex_;
  CountWindow window_;  // mutex_
};

using SessionPtr = std::shared_ptr<Session>;

/// Bounded: a hotkey's new session takes the place of the one that it has not used for longest;
/// where all are too many, the hotkey that holds most gives way. Looking one up takes the lock of
/// one of sixteen parts. Any thread.
class SessionStore {
 public:
  /// @param now the wall clock; tests set it
  SessionStore(const SessionOptions& options, std::function<WallTime()> now);

  /// From now on others. Where none are offered any more, or fewer, those that are open end.
  void apply(const SessionOptions& options);
  [[nodiscard]] bool offered() const { return offered_; }
  /// When one that is opened now ends.
  [[nodiscard]] WallTime end_of_new() const;
  [[nodiscard]] WallTime now() const { return now_(); }

  /// @return false if none are offered any more
  bool insert(SessionPtr session);
  /// Null: there is none of that id. One that is over may still be here, or not.
  [[nodiscard]] SessionPtr find(const wire::SessionId& id) const;

  struct Sizes {
    std::size_t open = 0;
    std::uint64_t opened = 0;   ///< since the start
    std::uint64_t evicted = 0;  ///< before their time, for want of room
  };
  [[nodiscard]] Sizes sizes();

 private:
  using Order = std::list<SessionPtr>;           // as they were opened
  using Holding = std::vector<Order::iterator>;  // one hotkey's, never empty
  struct alignas(64) Part {
    mutable std::mutex mutex;
    std::unordered_map<wire::SessionId, SessionPtr, wire::KeyHash> sessions;  // mutex
  };
  static constexpr std::size_t kParts = 16;

  static Order::iterator least_used(const Holding& holding);
  // The rest under mutex_.
  void drop(Order::iterator session);
  void drop_what_is_over();
  void evict(Order::iterator session);
  void make_room_for(const wire::PublicKey& hotkey);

  Part& part(const wire::SessionId& id) { return parts_[id[0] % kParts]; }
  [[nodiscard]] const Part& part(const wire::SessionId& id) const { return parts_[id[0] % kParts]; }

  const std::function<WallTime()> now_;
  std::atomic<bool> offered_;
  mutable std::mutex mutex_;  // never taken while a part's is held
  SessionOptions options_;    // mutex_, as what follows
  Order order_;
  std::unordered_map<wire::PublicKey, Holding, wire::KeyHash> by_hotkey_;
  std::uint64_t opened_ = 0;
  std::uint64_t evicted_ = 0;
  std::array<Part, kParts> parts_;
};

}  // namespace dojo::policy
