// A generation in a process of its own: its crash is its own, too.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include <sys/types.h>

#include "base/descriptor.hpp"
#include "plugins/run/generation.hpp"
#include "plugins/run/sandbox_options.hpp"
#include "plugins/run/worker_process.hpp"

namespace dojo::plugins {

struct IsolationOptions {
  std::filesystem::path program;   ///< dojo-worker
  std::uint64_t memory_bytes = 0;  ///< these three are Limits; 0: none
  std::uint64_t cpu_seconds = 0;   ///< of the process's whole life: it is started anew then
  std::uint64_t open_files = 0;
  SandboxOptions sandbox;
  std::size_t max_answer = std::size_t{64} << 20;  ///< bytes of an answer, or of a saved state
  std::chrono::milliseconds backoff_least{10};     ///< before a worker that ended is started anew
  std::chrono::milliseconds backoff_most{10'000};
};

/// The same shared object in a process (dojo-worker) that talks over sockets. A worker that ends
/// takes with it the requests that it has, which are completed with kWorkerDied, and nothing else;
/// the next one is started after a while that doubles as long as they do not live long. It is made
/// from the same blueprint: with the state that this generation began with, if any. Requests that
/// come while there is none wait for it for two seconds at most.
///
/// Unlike in process, end() may be called while handle() still runs: that is killed at the limit,
/// and handle() returns.
class Isolated final : public Generation {
 public:
  /// @param services must outlive it
  static std::shared_ptr<Isolated> make(Blueprint blueprint, Services& services,
                                        IsolationOptions options);
  /// Kills the worker if end() has not been called.
  ~Isolated() override;

  [[nodiscard]] bool isolated() const override { return true; }
  [[nodiscard]] std::optional<std::int64_t> process() const override;
  Status load() override;
  [[nodiscard]] std::int32_t handle(const dojo_request& request,
                                    unsigned worker) const noexcept override;
  void resume(dojo_request_id id, unsigned worker) const noexcept override;
  [[nodiscard]] Verdict judge(const dojo_request& request, unsigned worker) const noexcept override;
  void cancel(dojo_request_id id) const noexcept override;
  Result<std::optional<std::string>> save() override;
  std::optional<Status> ask_health() override;
  Ending end(std::chrono::milliseconds limit) override;

  /// The worker's; 0 while there is none. Any thread.
  [[nodiscard]] pid_t pid() const;
  /// How often a worker has been started again, or it has been tried. Any thread.
  [[nodiscard]] std::uint64_t restarts() const { return restarts_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Reply {
    Outcome::Sort sort = Outcome::Sort::failed;
    std::string text;
  };
  /// What a worker has said of itself while it starts.
  struct Introduction {
    std::string name;
    std::string version;
    std::vector<RouteInfo> routes;
    std::string refusal;
    std::size_t size = 0;  // bytes of all that
    bool started = false;
  };

  Isolated(Blueprint blueprint, Services& services, IsolationOptions options);

  void watch() noexcept;
  void keep_alive();
  Status launch() noexcept;
  Status try_launch();
  Status bring_up(WorkerProcess& process);
  Status get_to_know(Introduction introduction);
  static Status hear_start(Introduction& introduction, const Message& message);
  void tend();
  void bury() noexcept;
  Status hear_reply(const Message& message);
  bool pause(std::chrono::milliseconds length);
  std::optional<Clock::time_point> ending();
  void log(std::int32_t level, std::string_view text) const;
  void tell_of_its_start() const;
  void tell_of_its_end() const;
  void tell_of_no_start(std::chrono::milliseconds next_try, const std::string& why) const;

  std::shared_ptr<WorkerProcess> await(Clock::time_point until) const;
  [[nodiscard]] std::shared_ptr<WorkerProcess> current() const;
  /// A health check that was asked for.
  struct Check {
    std::uint64_t call = 0;
    std::shared_ptr<WorkerProcess> process;  // that was asked
    Clock::time_point by;
    std::optional<Reply> reply;
  };
  Result<Reply> call(MessageKind kind);
  [[nodiscard]] bool is_stuck() const;

  Services& services_;
  const IsolationOptions options_;
  base::Descriptor wake_;  // an eventfd: the watcher is to look what has changed
  std::atomic<std::uint64_t> restarts_ = 0;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::shared_ptr<WorkerProcess> process_;   // that serves; null while there is none
  std::optional<Status> loaded_;             // what the first start came to
  std::optional<Clock::time_point> end_by_;  // it is to end
  std::uint64_t calls_ = 0;                  // that were made
  std::uint64_t call_ = 0;                   // the one that is waited for
  std::optional<Reply> reply_;               // to it
  std::optional<Check> check_;

  std::shared_ptr<WorkerProcess> watched_;  // the watcher's alone: also one that is only starting
  std::thread watcher_;  // starts, watches and ends all workers, which end with the thread that
                         // started them (see apply_limits)
};

}  // namespace dojo::plugins
