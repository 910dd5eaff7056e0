#include "worker/serve.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <dojo/chunk.hpp>

#include "plugins/abi/instance.hpp"
#include "plugins/abi/span.hpp"
#include "plugins/abi/tables.hpp"
#include "plugins/run/child.hpp"
#include "plugins/run/lane.hpp"
#include "plugins/run/worker_messages.hpp"
#include "worker/jobs.hpp"
#include "worker/open_requests.hpp"
#include "worker/plugin_file.hpp"
#include "worker/sandbox.hpp"

namespace dojo::worker {
namespace {

using plugins::Held;
using plugins::Instance;
using plugins::Lane;
using plugins::Message;
using plugins::MessageKind;
using plugins::Outcome;
using plugins::Parcel;
using plugins::Received;
using plugins::Sent;
using plugins::view;
using plugins::WorkerAnswer;

constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr unsigned kMostLanes = 1024;

std::uint64_t now_ns() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

/// The lane that this thread serves, while it runs the plugin's code: what is answered then goes
/// the way on which the host waits.
thread_local const Lane* served = nullptr;

class Worker {
 public:
  Worker(Lane control, std::vector<Lane> lanes)
      : control_(std::move(control)),
        lanes_(std::move(lanes)),
        jobs_(std::clamp(std::thread::hardware_concurrency(), 1u,
                         static_cast<unsigned>(lanes_.size()))) {
    make_host_table();
  }
  /// [main, the plugin's control thread] @return the process's exit code; does not return if the
  /// plugin was started
  int run();

 private:
  Status begin(const Held& setup);
  Status open(const plugins::Setup& setup, const std::optional<PluginFile>& file);
  void introduce();
  void obey();
  void end();
  Outcome save(std::string& text);
  Outcome check_health(std::string& text);

  void listen();
  void serve(Lane& lane);
  void handle(const Lane& lane, Parcel& parcel);
  void resume(const Lane& lane, dojo_request_id id);
  [[nodiscard]] Message judge(Parcel& parcel, plugins::Verdict& verdict) const;

  void make_host_table();
  std::int32_t complete(dojo_request_id id, const dojo_response* given) noexcept;
  std::int32_t write(dojo_request_id id, std::string_view chunk) noexcept;
  [[nodiscard]] std::optional<std::string> fault_of(const dojo_response* given,
                                                    const dojo_response& response) const;
  /// Where this thread tells the host things: on its lane in the order in which it does, so that a
  /// line of the log comes before the answer to its request.
  [[nodiscard]] const Lane& way() const { return served != nullptr ? *served : control_; }
  void note(MessageKind kind, const plugins::Note& note) const {
    way().send(message_of(kind, note));
  }

  Lane control_;
  std::vector<Lane> lanes_;
  std::uint64_t max_answer_ = 0;
  dojo_host host_{};
  dojo_executor_v1 executor_{};
  OpenRequests requests_;
  Jobs jobs_;
  std::unique_ptr<Instance> instance_;
  std::vector<std::thread> threads_;  // one a lane

  std::mutex mutex_;
  std::condition_variable told_;
  std::deque<Message> commands_;  // of kinds without texts
};

// -- What the plugin is given
// ----------------------------------------------------------------------

Worker& worker_of(void* context) {
  return *static_cast<Worker*>(context);
}

// The tables hold plain functions: `context` brings them back to this object.
void Worker::make_host_table() {
  host_.struct_size = sizeof host_;
  host_.abi_major = DOJO_ABI_MAJOR;
  host_.abi_minor = DOJO_ABI_MINOR;
  host_.context = this;
  host_.complete = [](void* context, dojo_request_id id, const dojo_response* response) {
    return worker_of(context).complete(id, response);
  };
  host_.cancelled = [](void* context, dojo_request_id id) -> std::int32_t {
    return id != 0 && worker_of(context).requests_.cancelled(id, now_ns()) ? 1 : 0;
  };
  host_.now_ns = [](void*) { return now_ns(); };
  host_.log = [](void* context, std::int32_t level, dojo_request_id id, dojo_span text) {
    worker_of(context).note(MessageKind::log, {level, id, 0, view(text)});
  };
  host_.count = [](void* context, dojo_span name, double amount) {
    worker_of(context).note(MessageKind::count, {0, 0, amount, view(name)});
  };
  host_.observe = [](void* context, dojo_span name, double value) {
    worker_of(context).note(MessageKind::observe, {0, 0, value, view(name)});
  };
  host_.write = [](void* context, dojo_request_id id, dojo_span chunk) {
    return worker_of(context).write(id, view(chunk));
  };
  host_.extension = [](void* context, const char* name) -> const void* {
    return std::string_view(name) == DOJO_EXT_EXECUTOR ? &worker_of(context).executor_ : nullptr;
  };
  executor_.struct_size = sizeof executor_;
  executor_.post = [](void* context, void (*job)(void*, std::int32_t), void* data) -> std::int32_t {
    if (job == nullptr) return DOJO_INVALID;
    return worker_of(context).jobs_.post({job, data}) ? DOJO_OK : DOJO_FAILED;
  };
}

/// What the host need not be asked for; it looks at the JSON itself.
std::optional<std::string> Worker::fault_of(const dojo_response* given,
                                            const dojo_response& response) const {
  if (given == nullptr || response.struct_size == 0) return "it answered with no response";
  if (!plugins::is_answer_status(response.status, true)) {
    return fmt::format("it answered with status {}", response.status);
  }
  const std::array parts{response.body.size, response.error.size, response.metadata.size,
                         response.fields.size};
  const auto size = std::accumulate(parts.begin(), parts.end(), std::size_t{0});
  if (std::max(*std::ranges::max_element(parts), size) > max_answer_) {
    return fmt::format("it answered with {} bytes, {} are allowed", size, max_answer_);
  }
  return std::nullopt;
}

std::int32_t Worker::complete(dojo_request_id id, const dojo_response* given) noexcept {
  const auto response = plugins::read_table<dojo_response>(given).value_or(dojo_response{});
  std::int32_t result = DOJO_STALE;
  // Held until the answer is on its way, since that may lie in the request.
  if (const auto request = requests_.take(id)) {
    const auto& way = request->streams ? control_ : this->way();  // behind its chunks
    auto fault = fault_of(given, response);
    if (!fault) {
      const auto sent = way.send(
          message_of(WorkerAnswer{id, response.status, view(response.body), view(response.error),
                                  view(response.metadata), view(response.fields)}));
      if (sent == Sent::failed) fault = "its answer cannot be passed on: there is no memory for it";
    }
    if (fault) way.send(message_of(WorkerAnswer{id, DOJO_STATUS_FAILED, {}, *fault, {}}));
    // What the host has told of a request by a cancel, it takes no answer to.
    result = fault ? DOJO_INVALID : request->cancelled ? DOJO_STALE : DOJO_OK;
  }
  if (response.release != nullptr) response.release(response.release_context);
  return result;
}

std::int32_t Worker::write(dojo_request_id id, std::string_view chunk) noexcept {
  if (chunk.size() > max_answer_) return DOJO_INVALID;
  try {
    if (fault_of_chunk(chunk)) return DOJO_INVALID;
  } catch (const std::bad_alloc&) {
    return DOJO_FAILED;
  }
  const auto taken = requests_.write(id, chunk.size());
  if (taken == DOJO_FULL) control_.send({MessageKind::full, {id}, {}});
  if (taken != DOJO_OK) return taken;
  const auto sent = control_.send({MessageKind::chunk, {id}, {chunk}});
  return sent == Sent::failed ? DOJO_FAILED : DOJO_OK;
}

// -- Lanes -------------------------------------------------------------------------------------

void Worker::serve(Lane& lane) {
  served = &lane;
  Parcel parcel;
  std::string why;
  while (lane.receive(parcel, why) == Received::parcel) {
    const auto kind = static_cast<MessageKind>(parcel.header.kind);
    if (kind == MessageKind::handle) {
      handle(lane, parcel);
    } else if (kind == MessageKind::resume) {
      resume(lane, parcel.header.numbers[0]);
    } else {
      plugins::Verdict verdict;
      lane.send(judge(parcel, verdict));
    }
  }
  served = nullptr;  // the plugin's thread-local objects end now, and nobody waits on the lane
}

void Worker::handle(const Lane& lane, Parcel& parcel) {
  const dojo_request_id id = parcel.header.numbers[0];
  std::int32_t code = DOJO_FAILED;
  try {
    auto held = Held::take(parcel);
    if (held) {
      const auto request = request_of(held->message());
      requests_.put(id, {std::move(*held), request.deadline_ns});
      code = instance_->handle(request);
      if (code != DOJO_OK) requests_.take(id);
    } else {
      note(MessageKind::log, {DOJO_LOG_ERROR, id, 0, held.error().message});
    }
  } catch (const std::bad_alloc&) {
    requests_.take(id);
    note(MessageKind::log, {DOJO_LOG_ERROR, id, 0, "its process has no memory left for a request"});
  }
  lane.send({MessageKind::returned, {static_cast<std::uint32_t>(code)}, {}});
}

void Worker::resume(const Lane& lane, dojo_request_id id) {
  requests_.refill(id);
  instance_->resume(id);
  lane.send({MessageKind::returned, {DOJO_OK}, {}});
}

Message Worker::judge(Parcel& parcel, plugins::Verdict& verdict) const {
  try {
    const auto held = Held::take(parcel);
    verdict = held ? instance_->judge(request_of(held->message()))
                   : plugins::Verdict{Code::internal, held.error().message};
  } catch (const std::bad_alloc&) {
    verdict = {Code::internal, "no memory"};
  }
  return message_of(verdict);
}

// -- Control -------------------------------------------------------------------------------------

void Worker::listen() {
  Parcel parcel;
  std::string why;
  while (control_.receive(parcel, why) == Received::parcel) {
    const Message message{static_cast<MessageKind>(parcel.header.kind), parcel.header.numbers, {}};
    if (message.kind == MessageKind::cancel) {  // not behind a health check that takes its time
      requests_.cancel(message.numbers[0]);
      continue;
    }
    const std::lock_guard lock(mutex_);
    commands_.push_back(message);
    told_.notify_one();
  }
  ::_exit(kFailed);  // the host has gone, or no longer wants to hear from this process
}

int Worker::run() {
  Parcel parcel;
  std::string why;
  if (control_.receive(parcel, why) != Received::parcel) return kFailed;
  const auto setup = Held::take(parcel);
  if (!setup || setup->message().kind != MessageKind::setup) return kFailed;
  if (const auto status = begin(*setup); !status) {
    control_.send({MessageKind::refused, {}, {status.error().message}});
    // Without destructors, as threads of the plugin's may be running.
    std::fflush(nullptr);
    ::_exit(kFailed);
  }
  introduce();
  obey();
  end();
  std::fflush(nullptr);
  ::_exit(0);
}

Status Worker::begin(const Held& held) {
  const auto setup = setup_of(held.message());
  max_answer_ = setup.max_answer;
  if (auto status = plugins::apply_limits(setup.limits); !status) return status;
  std::optional<PluginFile> file;
  if (setup.sandbox.user) {
    auto opened = PluginFile::open(setup.file);
    if (!opened) return Unexpected(opened.error());
    file = std::move(*opened);
  }
  if (auto status = confine(setup.sandbox, setup.file); !status) return status;
  threads_.emplace_back([this] { listen(); });
  return open(setup, file);
}

Status Worker::open(const plugins::Setup& setup, const std::optional<PluginFile>& file) {
  auto instance = file ? file->load() : Instance::open(setup.file);
  if (!instance) return Unexpected(instance.error());
  instance_ = std::move(*instance);
  control_.send({MessageKind::opened, {}, {instance_->name(), instance_->version()}});
  if (auto status = instance_->create(host_, std::string(setup.config)); !status) return status;
  if (setup.has_state && instance_->takes_state()) {
    if (auto status = instance_->restore(setup.state); !status) return status;
  }
  if (auto status = instance_->start(); !status) return status;
  if (auto status = instance_->health(); !status) return status;
  for (auto& lane : lanes_) threads_.emplace_back([this, &lane] { serve(lane); });
  return {};
}

void Worker::introduce() {
  for (const auto& route : instance_->routes()) control_.send(message_of(route));
  control_.send({MessageKind::started, {}, {}});
}

void Worker::obey() {
  for (;;) {
    std::unique_lock lock(mutex_);
    told_.wait(lock, [this] { return !commands_.empty(); });
    const auto command = commands_.front();
    commands_.pop_front();
    lock.unlock();
    std::string text;
    Outcome outcome;
    switch (command.kind) {
      case MessageKind::save:
        outcome = save(text);
        break;
      case MessageKind::health:
        outcome = check_health(text);
        break;
      case MessageKind::stop:
        return;
      default:
        continue;
    }
    outcome.call = command.numbers[0];
    outcome.text = text;
    if (control_.send(message_of(outcome)) == Sent::failed) {
      outcome.sort = Outcome::Sort::failed;
      outcome.text = "there is no memory to pass it on";
      control_.send(message_of(outcome));
    }
  }
}

Outcome Worker::save(std::string& text) {
  auto state = instance_->save();
  if (!state) {
    text = std::move(state.error().message);
    return {0, Outcome::Sort::failed, {}};
  }
  if (!*state) return {0, Outcome::Sort::nothing, {}};
  if ((*state)->size() > max_answer_) {
    text = fmt::format("its state has {} bytes, {} are allowed", (*state)->size(), max_answer_);
    return {0, Outcome::Sort::failed, {}};
  }
  text = std::move(**state);
  return {0, Outcome::Sort::good, {}};
}

Outcome Worker::check_health(std::string& text) {
  auto status = instance_->health();
  if (status) return {0, Outcome::Sort::good, {}};
  text = std::move(status.error().message);
  return {0, Outcome::Sort::failed, {}};
}

void Worker::end() {
  jobs_.stop();
  for (const auto& lane : lanes_) lane.shut();
  for (std::size_t i = 1; i < threads_.size(); ++i) threads_[i].join();  // the first one listens
  if (const auto status = instance_->end(); !status) {
    note(MessageKind::log, {DOJO_LOG_WARNING, 0, 0, status.error().message});
  }
  instance_->unload();  // for the destructors of its static objects
}

}  // namespace

int serve(int argc, char** argv) {
  const std::string_view given = argc == 2 ? argv[1] : "";
  unsigned lanes = 0;
  const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), lanes);
  if (error != std::errc() || end != given.data() + given.size() || lanes == 0 ||
      lanes > kMostLanes) {
    std::fputs("dojo-worker serve: started by dojo-host alone\n", stderr);
    return kUsage;
  }
  const auto socket = [](unsigned number) {
    const int fd = plugins::kControlDescriptor + static_cast<int>(number);
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);  // not for programs that the plugin starts
    return Lane(base::Descriptor(fd));
  };
  std::vector<Lane> theirs;
  for (unsigned i = 1; i <= lanes; ++i) theirs.push_back(socket(i));
  return Worker(socket(0), std::move(theirs)).run();
}

}  // namespace dojo::worker
