// The stage that hands admitted requests to plugins, and sees to it that each is answered exactly
// once.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>

#include <dojo/wire/compression.hpp>

#include "admin/metrics.hpp"
#include "log.hpp"
#include "pipeline/call.hpp"
#include "pipeline/crew.hpp"
#include "pipeline/in_flight.hpp"
#include "pipeline/log_budget.hpp"
#include "pipeline/refusals.hpp"
#include "plugins/services.hpp"

namespace dojo::pipeline {

struct DispatchOptions {
  std::size_t queue = 1'024;  ///< requests waiting for a worker of one plugin's at most
  std::size_t in_flight =
      8'192;  ///< requests between admission and answer at most, answered-for ones included
  std::chrono::milliseconds deadline{30'000};  ///< for routes that have none of their own
  wire::DecompressionLimits decompression;
  std::size_t decompressed = std::size_t{512}
                             << 20;  ///< bytes of all decompressed bodies held at once
};

class Dispatcher final : public plugins::Services {
 public:
  /// All must outlive it, and every generation must have been dismissed before it goes.
  Dispatcher(const DispatchOptions& options, const host::Log& log, admin::Metrics& metrics,
             Refusals& refusals);
  ~Dispatcher() override;
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  /// Engages blueprint().workers threads for a generation, until dismiss(). @return an error if
  /// there are not so many
  Status engage(std::shared_ptr<plugins::Generation> generation);
  [[nodiscard]] std::shared_ptr<Crew> crew_of(const plugins::Generation& generation) const;
  /// As plugins::Serving::retire.
  bool retire(Crew& crew, std::chrono::milliseconds drain, std::chrono::milliseconds grace);
  /// Lets go of a generation that has ended, and of the bodies that it might still have read.
  void dismiss(const plugins::Generation& generation);

  /// Takes a call, whose `waiting` is answered in any case: by the plugin, or with overloaded,
  /// draining or deadline. Any thread; never blocks for long.
  void submit(std::unique_ptr<Call> call);

  /// From now on new calls are refused as draining.
  void refuse_new() { draining_ = true; }
  [[nodiscard]] bool refuses_new() const { return draining_; }
  /// Waits until every call is answered, or until `limit` has passed. @return whether every one is.
  bool drain(std::chrono::milliseconds limit);
  [[nodiscard]] std::size_t in_flight() const { return in_flight_.size(); }

  std::int32_t complete(const plugins::Generation& generation, dojo_request_id id,
                        const dojo_response& response) noexcept override;
  bool cancelled(const plugins::Generation& generation, dojo_request_id id) noexcept override;
  void log(const plugins::Generation& generation, std::int32_t level, dojo_request_id id,
           std::string_view text) noexcept override;
  void count(const plugins::Generation& generation, std::string_view name,
             double amount) noexcept override;
  void observe(const plugins::Generation& generation, std::string_view name,
               double value) noexcept override;
  bool post(const plugins::Generation& generation, plugins::Job job) noexcept override;

 private:
  void run(Executor& executor, Task task, unsigned worker);
  void attend_to(Executor& executor, Task task, unsigned worker);
  /// Asks the plugin's hooks of a call. @return whether it may go on
  bool ask_hooks(Task& task, const dojo_request& request, Call& asked, const Crew& crew,
                 unsigned worker);
  /// Body as the plugin gets it. @return why the call is refused, if so
  std::optional<Refusal> prepare_body(Call& call);
  /// Ends a call that no plugin has been given.
  std::unique_ptr<Call> close_early(Executor& executor, const Task& task);
  void watch();
  void answer_overdue();
  void answer_late(const InFlight::Overdue& late);
  void answer_for(const Crew& crew);
  std::int32_t complete_now(const plugins::Generation& generation, dojo_request_id id,
                            const dojo_response& response);
  std::unique_ptr<Call> close(dojo_request_id id, const plugins::Generation* generation);
  void answer(std::unique_ptr<Call> call, int status, Code code, std::string_view body,
              std::optional<std::string_view> error, std::string_view metadata);
  void refuse(std::unique_ptr<Call> call, const Refusal& refusal);
  /// The same for one that is still in its slot.
  void refuse(const InFlight::Overdue& overdue, const Refusal& refusal);
  /// Answers that the handler failed; the reason goes to the log alone.
  void fail(std::unique_ptr<Call> call, std::string_view reason);

  const DispatchOptions options_;
  const host::Log& log_;
  admin::Metrics& metrics_;
  Refusals& refusals_;
  LogBudget failures_{log_};
  std::atomic<std::uint64_t> decompressed_{0};  // bytes, outlives the calls that share in it
  InFlight in_flight_;
  std::atomic<bool> draining_{false};
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::map<const plugins::Generation*, std::shared_ptr<Crew>> crews_;
  std::thread watch_;
};

}  // namespace dojo::pipeline
