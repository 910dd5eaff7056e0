// The way of a request, from its head to the executor: authenticate, route, body.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "log.hpp"
#include "pipeline/answer.hpp"
#include "pipeline/authenticate.hpp"
#include "pipeline/call.hpp"
#include "pipeline/dispatch.hpp"
#include "pipeline/log_budget.hpp"
#include "pipeline/roster.hpp"
#include "pipeline/route.hpp"

namespace dojo::pipeline {

/// A request whose head has been believed. Its body is still to come.
struct Admission {
  Terms terms;
  Caller caller;
  std::string path;
  std::string peer;
  bool compressed = false;
  Times times;
};

class Pipeline {
 public:
  /// @param self the host's own hotkey @param now the wall clock
  Pipeline(AuthOptions auth, const DispatchOptions& dispatch, int compression_level,
           const wire::PublicKey& self, const host::Log& log, admin::Metrics& metrics,
           std::function<WallTime()> now);
  ~Pipeline() = default;
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  /// Where generations serve.
  plugins::Serving& serving() { return roster_; }
  plugins::Services& services() { return dispatcher_; }
  Dispatcher& dispatcher() { return dispatcher_; }
  [[nodiscard]] const CodeCounts& counts() const { return counts_; }

  /// Looks at a head. Nothing of the body is needed, so a stranger's body is never kept.
  /// @param peer the caller's address
  /// @return the admission, or the answer that refuses the request. Any thread.
  tl::expected<std::shared_ptr<Admission>, Answer> admit(const Head& head, std::string_view peer);

  /// Takes the body as it was sent. `waiting` is answered in any case, now or later. Any thread;
  /// does not block.
  void take(const std::shared_ptr<Admission>& admission, std::string body,
            std::unique_ptr<Waiting> waiting);

  /// The answer for bytes that never became a request. @param status as HTTP has it
  Answer refuse_malformed(int status, std::string_view why);

 private:
  Terms terms(const Head& head) const;
  tl::expected<std::shared_ptr<Admission>, Refusal> check(const Head& head);
  Answer refuse(const Terms& terms, const Refusal& refusal, std::string_view peer,
                std::string_view hotkey);
  void warn_about_legacy(const Caller& caller);

  const host::Log& log_;
  const int compression_level_;
  CodeCounts counts_{};
  LogBudget refusals_{log_};
  Authenticator authenticator_;
  RouteTable routes_;
  Dispatcher dispatcher_;
  Roster roster_{routes_, dispatcher_};
  std::mutex mutex_;
  PublicKeySet warned_;  // callers that have been named for using legacy
};

}  // namespace dojo::pipeline
