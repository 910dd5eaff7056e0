// The way of a request, from its head to the executor: admit, route, body.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "access/access.hpp"
#include "access/key_hash.hpp"
#include "log.hpp"
#include "pipeline/admit.hpp"
#include "pipeline/answer.hpp"
#include "pipeline/authenticate.hpp"
#include "pipeline/call.hpp"
#include "pipeline/dispatch.hpp"
#include "pipeline/log_budget.hpp"
#include "pipeline/refusals.hpp"
#include "pipeline/roster.hpp"
#include "pipeline/route.hpp"

namespace dojo::pipeline {

/// A request whose head has been believed. Its body is still to come.
struct Admission {
  Terms terms;
  Guest guest;
  std::string path;
  std::string peer;
  bool compressed = false;
  Times times;
};

class Pipeline {
 public:
  /// @param access outlives the pipeline @param authenticator likewise
  Pipeline(Authenticator& authenticator, access::Access& access, const DispatchOptions& dispatch,
           int compression_level, const host::Log& log, admin::Metrics& metrics);
  ~Pipeline() = default;
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  /// Where generations serve.
  plugins::Serving& serving() { return roster_; }
  plugins::Services& services() { return dispatcher_; }
  Dispatcher& dispatcher() { return dispatcher_; }
  [[nodiscard]] const Refusals& refusals() const { return refusals_; }
  /// Requests that were let in, by dialect.
  [[nodiscard]] const std::array<std::atomic<std::uint64_t>, wire::kDialects.size()>& dialects()
      const {
    return dialects_;
  }

  /// Looks at a head. Nothing of the body is needed, so a stranger's body is never kept.
  /// @param ip the caller's address @param peer the same as text
  /// @return the admission, or the answer that refuses the request. Any thread.
  Expected<std::shared_ptr<Admission>, Answer> admit(const Head& head, const net::IpAddress& ip,
                                                     std::string_view peer);

  /// Takes the body as it was sent. `waiting` is answered in any case, now or later. Any thread;
  /// does not block.
  void take(const std::shared_ptr<Admission>& admission, std::string body,
            std::unique_ptr<Waiting> waiting);

  /// The answer for bytes that never became a request. @param status as HTTP has it
  Answer refuse_malformed(int status, std::string_view why);

  /// What would happen to a request now. @return nothing if it would be let in
  [[nodiscard]] Admitter::Rehearsal rehearse(const access::Visit& visit);

 private:
  Terms terms(const Head& head) const;
  Expected<std::shared_ptr<Admission>, Refusal> check(const Head& head, const net::IpAddress& ip,
                                                      Subject& subject);
  std::optional<Refusal> check_route(const Head& head) const;
  Answer refuse(const Terms& terms, const Refusal& refusal, Subject& subject);
  void preflight(const Admission& admission, Waiting& waiting);
  void tell_of_dry_rules(const Guest& guest);
  void warn_about_legacy(const Caller& caller);

  const host::Log& log_;
  const int compression_level_;
  Refusals refusals_;
  LogBudget dry_rules_{log_};
  Admitter admitter_;
  RouteTable routes_;
  Dispatcher dispatcher_;
  Roster roster_{routes_, dispatcher_};
  std::array<std::atomic<std::uint64_t>, wire::kDialects.size()> dialects_{};
  std::mutex mutex_;
  std::unordered_set<wire::PublicKey, access::KeyHash> warned_;  // callers named for using legacy
};

}  // namespace dojo::pipeline
