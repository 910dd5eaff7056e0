// The stage that lets requests in: who sent it, whether that one may, and not too often. Cheap
// checks first, so that a stranger costs look-ups and no curve.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/access.hpp"
#include "pipeline/authenticate.hpp"
#include "pipeline/refusal.hpp"
#include "pipeline/refusals.hpp"

namespace dojo::pipeline {

/// Someone who has been let in as far as the head goes.
struct Guest {
  Claim claim;
  net::IpAddress ip;
  bool registered = false;
  double weight = 1;              ///< its share when callers compete
  access::Quotas::Place place{};  ///< among its hotkey's requests
  bool charged = false;           ///< for the body's bytes
  std::vector<std::string>
      would_refuse{};  ///< rules that are only tried, and would not have let it in
};

/// Any thread.
class Admitter {
 public:
  /// Both must outlive it.
  Admitter(Authenticator& authenticator, access::Access& access)
      : authenticator_(authenticator), access_(access) {}

  /// @param subject is filled in as far as the checks come
  /// @return the guest, or why not: unsigned, malformed, blacklisted, wrong-receiver, stale,
  /// replayed, bad-signature, quota
  Expected<Guest, Refusal> check(const Head& head, const net::IpAddress& ip, Subject& subject);
  /// The checks that have to wait for the body. @param body as it was sent
  std::optional<Refusal> check_body(Guest& guest, std::string_view body);

  /// What check() would say of a hotkey that proves itself, without charging anybody.
  struct Rehearsal {
    std::optional<Refusal> refusal;
    access::Standing standing;
  };
  [[nodiscard]] Rehearsal rehearse(const access::Visit& visit);

 private:
  std::optional<Refusal> count_failure(std::optional<Refusal> refusal, const net::IpAddress& ip);
  std::optional<Refusal> charge(Guest& guest);
  std::optional<Refusal> charge_bytes(Guest& guest, std::size_t bytes);

  Authenticator& authenticator_;
  access::Access& access_;
};

}  // namespace dojo::pipeline
