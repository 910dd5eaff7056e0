// The stage that hands admitted requests to plugins, and sees to it that each is answered exactly
// once.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

#include <dojo/wire/compression.hpp>

#include "base/budget.hpp"
#include "base/log.hpp"
#include "base/log_budget.hpp"
#include "base/metrics.hpp"
#include "plugins/run/services.hpp"
#include "request/crew.hpp"
#include "request/exchange.hpp"
#include "request/in_flight.hpp"
#include "request/refusals.hpp"
#include "request/stage_times.hpp"

namespace dojo::request {

struct DispatchOptions {
  std::size_t queue = 1'024;  ///< requests waiting for a worker of one plugin's at most
  std::size_t in_flight =
      8'192;  ///< requests between admission and answer at most, answered-for ones included
  std::chrono::milliseconds deadline{30'000};  ///< for routes that have none of their own
  wire::DecompressionLimits decompression;
  std::size_t decompressed = std::size_t{512}
                             << 20;            ///< bytes of all decompressed bodies held at once
  std::size_t stream = std::size_t{64} << 20;  ///< bytes of the chunks of one answer
};

class Dispatcher final : public plugins::Services {
 public:
  /// All must outlive it, and every generation must have been dismissed before it goes.
  Dispatcher(const DispatchOptions& options, const base::Log& log, base::Metrics& metrics,
             Refusals& refusals);
  ~Dispatcher() override = default;
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  /// Engages blueprint().workers threads for a generation, until dismiss(). @return an error if
  /// there are not so many
  Status engage(std::shared_ptr<plugins::Generation> generation);
  [[nodiscard]] std::shared_ptr<Crew> crew_of(const plugins::Generation& generation) const;
  /// As plugins::Roster::retire.
  bool retire(Crew& crew, std::chrono::milliseconds drain, std::chrono::milliseconds grace);
  /// Lets go of a generation that has ended, and of the bodies that it might still have read.
  void dismiss(const plugins::Generation& generation);

  /// Gives an exchange that is whole its route, and its deadline. By the reactor.
  void begin(Exchange& exchange, Route route);
  /// Takes one that is begun, and whose body is proven. It is answered in any case: by the plugin,
  /// or with overloaded, draining or deadline. Any thread; never blocks for long.
  void submit(const ExchangePtr& exchange);
  /// Refuses one that does not come to its plugin, unless it has been answered. Any thread.
  void turn_away(Exchange& exchange, const Refusal& refusal);
  /// To be told once its deadline has passed, by who waits for the answer. Any thread.
  void on_deadline(Exchange& exchange) noexcept;
  /// To be told once its caller has gone(). Any thread.
  void on_gone(Exchange& exchange) noexcept;

  /// From now on new requests are refused as draining.
  void refuse_new() { draining_ = true; }
  [[nodiscard]] bool refuses_new() const { return draining_; }
  /// Waits until every request is answered, or until `limit` has passed. @return whether every one
  /// is.
  bool drain(std::chrono::milliseconds limit);
  [[nodiscard]] std::size_t in_flight() const { return in_flight_.size(); }
  [[nodiscard]] const base::Budget& plain_bytes() const { return plain_bytes_; }
  [[nodiscard]] const base::Budget& slots() const { return in_flight_.budget(); }
  [[nodiscard]] const StageTimes& stage_times() const { return stage_times_; }
  /// Answers that were streamed to their end, and those that ended before it.
  [[nodiscard]] std::uint64_t whole_streams() const { return whole_streams_; }
  [[nodiscard]] std::uint64_t broken_streams() const { return broken_streams_; }

  std::int32_t complete(const plugins::Generation& generation, dojo_request_id id,
                        const dojo_response& response) noexcept override;
  std::int32_t write(const plugins::Generation& generation, dojo_request_id id,
                     std::string_view chunk) noexcept override;
  void await_room(const plugins::Generation& generation, dojo_request_id id) noexcept override;
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
  void attend_to(Executor& executor, const ExchangePtr& exchange, Task task, unsigned worker);
  /// Asks the plugin's hooks. @return whether it may go on
  bool ask_hooks(Task& task, const dojo_request& request, Exchange& exchange, unsigned worker);
  /// Body as the plugin gets it. @return why the request is refused, if so
  std::optional<Refusal> prepare_body(Exchange& exchange);
  void answer_for(const Crew& crew);
  std::int32_t complete_now(const plugins::Generation& generation, Exchange& exchange,
                            net::Responder responder, const dojo_response& response);

  /// Ends it if it is still at `stage`: then nobody else will, and its slot is free. A running
  /// one's place with its crew is left for who has ended it. @return if it was, the right to answer
  /// it, which holds nothing if that has been done
  std::optional<net::Responder> end(Exchange& exchange, Stage stage);
  /// The same of one that a worker has, and that no plugin is to get.
  std::optional<net::Responder> end_early(Executor& executor, const Task& task, Exchange& exchange);
  /// A worker has only looked at it, and another one is to take it up. @return false if it is over
  bool put_back(Exchange& exchange);
  net::Responder take_responder(Exchange& exchange);
  /// The request of a plugin's that may write its answer; null if it has no such one.
  ExchangePtr find_stream(const plugins::Generation& generation, dojo_request_id id);
  /// @return false if it was no stream that had begun, or it had ended
  bool end_stream(Exchange& exchange, bool whole) noexcept;
  std::int32_t complete_stream(const plugins::Generation& generation, Exchange& exchange,
                               const dojo_response& response);
  void answer(Exchange& exchange, net::Responder responder, int status, Code code,
              std::string_view body, std::optional<std::string_view> error,
              std::string_view metadata);
  /// Not on a reactor. @param make its answer: net::Response()
  template <class Make>
  void answer(Exchange& exchange, net::Responder responder, Code code, Make make);
  /// Nothing to do if the responder holds nothing.
  void refuse(Exchange& exchange, net::Responder responder, const Refusal& refusal);
  /// Answers that the handler failed; the reason goes to the log alone.
  void fail(Exchange& exchange, net::Responder responder, std::string_view reason);

  const DispatchOptions options_;
  const base::Log& log_;
  base::Metrics& metrics_;
  Refusals& refusals_;
  base::LogBudget failures_{log_};
  StageTimes stage_times_;
  base::Budget plain_bytes_;  // outlives the exchanges that share in it
  InFlight in_flight_;
  std::atomic<bool> draining_{false};
  std::atomic<std::uint64_t> whole_streams_{0};
  std::atomic<std::uint64_t> broken_streams_{0};
  mutable std::mutex mutex_;
  std::map<const plugins::Generation*, std::shared_ptr<Crew>> crews_;  // guarded by mutex_
};

}  // namespace dojo::request
