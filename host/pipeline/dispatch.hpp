// The stage that hands admitted requests to plugins, and sees to it that each is answered exactly
// once.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>

#include <dojo/wire/compression.hpp>

#include "log.hpp"
#include "pipeline/call.hpp"
#include "pipeline/executor.hpp"
#include "pipeline/in_flight.hpp"
#include "pipeline/log_budget.hpp"
#include "plugins/services.hpp"

namespace dojo::pipeline {

struct DispatchOptions {
  unsigned workers = 0;       ///< threads that run handlers; 0: two per core, at least four
  std::size_t queue = 1'024;  ///< requests waiting for a worker at most
  std::size_t in_flight =
      8'192;  ///< requests between admission and answer at most, answered-for ones included
  std::chrono::milliseconds deadline{30'000};  ///< for routes that have none of their own
  wire::DecompressionLimits decompression;
  std::size_t decompressed = std::size_t{512}
                             << 20;  ///< bytes of all decompressed bodies held at once
};

/// Answers given, by code. Read from any thread.
using CodeCounts = std::array<std::atomic<std::uint64_t>, kCodeWords.size()>;

class Dispatcher final : public plugins::Services {
 public:
  Dispatcher(const DispatchOptions& options, const host::Log& log, CodeCounts& counts);
  ~Dispatcher() override;
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  /// Takes a call, whose `waiting` is answered in any case: by the plugin, or with overloaded,
  /// draining or deadline. Any thread; never blocks for long.
  void submit(std::unique_ptr<Call> call);

  /// From now on new calls are refused as draining.
  void refuse_new() { draining_ = true; }
  [[nodiscard]] bool refuses_new() const { return draining_; }
  /// Waits until every call is answered, or until `limit` has passed. @return whether every one is.
  bool drain(std::chrono::milliseconds limit);
  /// Stops the workers, answers what is left as draining, and then ends the plugins: `let_go` has
  /// to drop every reference to a generation that is held elsewhere. Bodies are freed last, since
  /// plugins may read them until they are stopped.
  void stop(const std::function<void()>& let_go);

  [[nodiscard]] std::size_t queued() const;
  [[nodiscard]] std::size_t in_flight() const { return in_flight_.size(); }

  std::int32_t complete(const plugins::Generation& generation, dojo_request_id id,
                        const dojo_response& response) noexcept override;
  bool cancelled(const plugins::Generation& generation, dojo_request_id id) noexcept override;
  void log(const plugins::Generation& generation, std::int32_t level, dojo_request_id id,
           std::string_view text) noexcept override;

 private:
  void run(const Executor::Task& task);
  /// Body as the plugin gets it. @return false if the call has been refused for it.
  bool prepare_body(dojo_request_id id, Call& call);
  void watch_deadlines();
  std::int32_t complete_now(const plugins::Generation& generation, dojo_request_id id,
                            const dojo_response& response);
  std::unique_ptr<Call> close(dojo_request_id id, const plugins::Generation* generation);
  void answer(std::unique_ptr<Call> call, int status, Code code, std::string_view body,
              std::optional<std::string_view> error, std::string_view metadata);
  void refuse(std::unique_ptr<Call> call, const Refusal& refusal);
  /// Answers that the handler failed; the reason goes to the log alone.
  void fail(std::unique_ptr<Call> call, std::string_view reason);

  const DispatchOptions options_;
  const host::Log& log_;
  CodeCounts& counts_;
  LogBudget refusals_{log_};
  LogBudget failures_{log_};
  std::atomic<std::uint64_t> decompressed_{0};  // bytes, outlives the calls that share in it
  InFlight in_flight_;
  std::atomic<bool> draining_{false};
  std::unique_ptr<Executor> executor_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable completed_;
  std::size_t completing_ = 0;  // threads in complete()
  bool stopping_ = false;
  std::thread deadlines_;
};

}  // namespace dojo::pipeline
