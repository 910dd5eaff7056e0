// One life of a worker process, seen from the host.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <dojo/plugin.h>
#include <dojo/result.hpp>

#include "plugins/run/child.hpp"
#include "plugins/run/generation.hpp"
#include "plugins/run/lane.hpp"
#include "plugins/run/output.hpp"
#include "plugins/run/services.hpp"
#include "plugins/run/worker_messages.hpp"

namespace dojo::plugins {

/// From the start of a worker to its burial. Believes nothing of what it sends: one that breaks the
/// protocol is condemned, that is cut off at once, and killed by whoever watches it. Every request
/// that it was given is completed once, by it or in its stead.
class WorkerProcess {
 public:
  /// @param owner in whose name requests are completed; it and `services` must outlive this
  /// @param max_answer bytes
  WorkerProcess(const Generation& owner, Services& services, std::size_t max_answer);
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  /// [watcher] @param lanes threads that will call handle(): numbers below this
  Status spawn(const std::filesystem::path& program, unsigned lanes);

  /// As Generation's. Nothing: the worker had ended before it could take it, try the next one.
  std::optional<std::int32_t> handle(const dojo_request& request, unsigned worker);
  std::optional<Verdict> judge(const dojo_request& request, unsigned worker);
  /// Does nothing if the worker does not have it (any more).
  void resume(dojo_request_id id, unsigned worker) noexcept;
  /// Any thread. Likewise.
  void cancel(dojo_request_id id);
  /// Any thread. Does not wait. @return false: it was not sent
  bool tell(const Message& message) const {
    return control_ && control_->send(message, false) == Sent::yes;
  }

  /// [watcher] Hears messages on control that are of no request.
  using Hear = std::function<Status(const Message&)>;
  /// [watcher] Waits until the worker says something or ends, `wake` is readable, or until `limit`;
  /// and acts on some of what it says. @return false: it is over
  bool attend(int wake, std::chrono::milliseconds limit, const Hear& hear);
  /// [watcher] Kills what is left of it, reaps it, and completes what it has not.
  void bury() noexcept;
  /// [watcher] After bury(): "killed by signal 11 (Segmentation fault)", or what it was condemned
  /// for.
  [[nodiscard]] std::string how_it_ended() const;

  /// Any thread: nothing more can be sent to it.
  [[nodiscard]] bool over() const { return over_; }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::chrono::steady_clock::time_point began() const { return began_; }

 private:
  /// A lane with where its worker's answers are put. One thread's at a time.
  struct Track {
    Lane lane;
    Copy copy;
  };

  Sent pass(Track& track, const Message& message);
  std::optional<Message> exchange(Track& track, MessageKind awaited);
  std::optional<Message> hear_out(Track& track, MessageKind awaited);
  void hear_its_last();
  bool hear_output();
  bool hear_some(const Hear& hear);
  Status act(const Message& message, const Hear& hear);
  Status deliver(const Message& message);
  Status deliver_chunk(const Message& message);
  void note(const Message& message, const Note& heard);
  bool give(dojo_request_id id);
  void given(dojo_request_id id);
  bool take(dojo_request_id id);
  std::optional<dojo_request_id> take_any();
  bool left_behind(dojo_request_id id);
  bool has(dojo_request_id id);
  void fail_request(dojo_request_id id, std::uint32_t status, std::string_view why) noexcept;
  void condemn(std::string_view why) noexcept;
  void cut_off();

  const Generation& owner_;
  Services& services_;
  const std::size_t max_answer_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();

  Child child_;  // the watcher's alone
  pid_t pid_ = 0;
  std::optional<Lane> control_;
  Copy control_copy_;  // the watcher's, as the next two
  base::Descriptor printed_;
  Output output_;
  std::vector<std::unique_ptr<Track>> tracks_;

  std::atomic<bool> over_ = false;
  mutable std::mutex mutex_;
  /// What it has been given and has not completed: true once it has been passed to it. Until then
  /// nobody may complete it, since its bytes, which are being copied, go with that.
  std::unordered_map<dojo_request_id, bool> open_;
  bool buried_ = false;  // nobody looks after those in open_ any more
  std::condition_variable given_;
  std::string condemned_;  // for what, if it is
};

}  // namespace dojo::plugins
