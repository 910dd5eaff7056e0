// The way of a request, from its head to the executor: admit, route, body.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/log.hpp"
#include "policy/access.hpp"
#include "request/admit.hpp"
#include "request/answer.hpp"
#include "request/answer_signer.hpp"
#include "request/authenticate.hpp"
#include "request/crews.hpp"
#include "request/dispatch.hpp"
#include "request/exchange.hpp"
#include "request/executor.hpp"
#include "request/refusals.hpp"
#include "request/route.hpp"
#include "wire/key_hash.hpp"

namespace dojo::request {

class Pipeline {
 public:
  /// @param access outlives the pipeline @param authenticator likewise @param identity signs
  /// answers
  Pipeline(Authenticator& authenticator, policy::Access& access,
           std::optional<wire::Keypair> identity, const DispatchOptions& dispatch,
           int compression_level, const base::Log& log, base::Metrics& metrics);
  ~Pipeline() = default;
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  /// Where generations serve.
  plugins::Roster& roster() { return crews_; }
  plugins::Services& services() { return dispatcher_; }
  Dispatcher& dispatcher() { return dispatcher_; }
  [[nodiscard]] const Dispatcher& dispatcher() const { return dispatcher_; }
  [[nodiscard]] const Refusals& refusals() const { return refusals_; }
  [[nodiscard]] const StageTimes& stage_times() const { return dispatcher_.stage_times(); }
  /// Requests that were let in, by dialect.
  [[nodiscard]] const std::array<std::atomic<std::uint64_t>, wire::kDialects.size()>& dialects()
      const {
    return dialects_;
  }

  /// Those of them that came on a session.
  [[nodiscard]] std::uint64_t on_sessions() const { return on_sessions_; }

  /// Answers that were signed.
  [[nodiscard]] std::uint64_t signed_answers() const { return signer_.count(); }

  /// An exchange for a request that comes now.
  [[nodiscard]] ExchangePtr make() const;
  /// Looks at a head. Nothing of the body is needed, so a stranger's body is never kept.
  /// @return the answer that refuses the request, if it is not let in. Any thread.
  std::optional<net::Response> admit(Exchange& exchange);
  /// Takes an admitted exchange whose body is there. It is answered in any case, now or later, if
  /// its deadline is kept with on_deadline(). Any thread; does not block.
  void take(const ExchangePtr& exchange);
  /// Nobody has answered it by its deadline. Any thread.
  void on_deadline(Exchange& exchange) { dispatcher_.on_deadline(exchange); }
  /// Its caller has gone(). Any thread.
  void on_gone(Exchange& exchange) { dispatcher_.on_gone(exchange); }

  /// The answer for bytes that never became a request. @param status as HTTP has it
  net::Response refuse_malformed(int status, std::string_view why);

  /// What would happen to a request now. @return nothing if it would be let in
  [[nodiscard]] Admitter::Rehearsal rehearse(const policy::Visit& visit);

 private:
  [[nodiscard]] Terms terms(const Exchange& exchange) const;
  std::optional<Refusal> check(Exchange& exchange);
  [[nodiscard]] std::optional<Refusal> check_route(const Exchange& exchange) const;
  void prove(const ExchangePtr& exchange);
  void prove_elsewhere(const ExchangePtr& exchange);
  void preflight(Exchange& exchange);
  void open_session(Exchange& exchange);
  void answer(Exchange& exchange, std::string_view body);
  void warn_about_legacy(const Caller& caller);

  const base::Log& log_;
  const Authenticator& authenticator_;
  const int compression_level_;
  Refusals refusals_;
  AnswerSigner signer_;
  Admitter admitter_;
  RouteTable routes_;
  Dispatcher dispatcher_;
  Crews crews_{routes_, dispatcher_};
  std::array<std::atomic<std::uint64_t>, wire::kDialects.size()> dialects_{};
  std::atomic<std::uint64_t> on_sessions_{0};
  std::mutex mutex_;
  std::unordered_set<wire::PublicKey, wire::KeyHash> warned_;  // callers named for using legacy
  Executor provers_;                                           // last: its threads end first
};

}  // namespace dojo::request
