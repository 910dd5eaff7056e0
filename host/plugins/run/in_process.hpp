// A generation in the host's own process: fastest, and as safe as the plugin is.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>

#include "plugins/run/generation.hpp"

namespace dojo::plugins {

/// Calls of [control] all come from one thread of this generation's own, so that a plugin that does
/// not come back from one holds up nobody else, and so that what its thread-local objects keep
/// mapped goes with that thread.
class InProcess final : public Generation {
 public:
  /// @param services must outlive it
  InProcess(Blueprint blueprint, Services& services);
  /// Waits for the plugin if it has not come back from a call yet. What cannot be unloaded stays in
  /// the process for ever.
  ~InProcess() override;

  [[nodiscard]] bool isolated() const override { return false; }
  [[nodiscard]] std::int32_t handle(const dojo_request& request,
                                    unsigned worker) const noexcept override;
  void resume(dojo_request_id id, unsigned worker) const noexcept override;
  [[nodiscard]] Verdict judge(const dojo_request& request, unsigned worker) const noexcept override;
  void cancel(dojo_request_id id) const noexcept override;
  Status load() override;
  Result<std::optional<std::string>> save() override;
  std::optional<Status> ask_health() override;
  Ending end(std::chrono::milliseconds limit) override;

 private:
  Status bring_up();
  using Clock = std::chrono::steady_clock;
  /// Where what a call returns is put: by the control thread, which clears work_ after that.
  template <class Returned>
  using Receipt = std::shared_ptr<std::optional<Returned>>;
  /// Runs `work` on the control thread. @return what it returns; nothing if it has not come back in
  /// time, or an earlier one has not
  template <class Work, class Returned = std::invoke_result_t<Work>>
  std::optional<Returned> on_control(Work work, std::chrono::milliseconds limit);
  /// Gives the control thread work, which it must have none of. With mutex_.
  template <class Work, class Returned = std::invoke_result_t<Work>>
  Receipt<Returned> hand_over(Work work);
  void control();
  void end_control();
  [[nodiscard]] Ending unload();
  void make_host_table();

  Services& services_;
  dojo_host host_{};  // what the plugin is given; it may keep the address
  dojo_executor_v1 executor_{};
  std::unique_ptr<Instance> instance_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> work_;  // for the control thread; empty once it is done
  bool stuck_ = false;          // it has not come back from that within its limit
  bool leaving_ = false;
  Receipt<Status> health_;  // that was asked for
  Clock::time_point health_by_;
  std::thread control_;
};

}  // namespace dojo::plugins
