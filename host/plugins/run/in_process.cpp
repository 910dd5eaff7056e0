#include "plugins/run/in_process.hpp"

#include <exception>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/threads.hpp"
#include "plugins/abi/span.hpp"
#include "plugins/abi/tables.hpp"
#include "plugins/run/stragglers.hpp"

namespace dojo::plugins {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t kNoStatus = UINT32_MAX;  // what no response may have

/// What the plugin's side of the tables calls. `context` is the generation.
InProcess& generation_of(void* context) {
  return *static_cast<InProcess*>(context);
}

/// Keeps what may not be destroyed until the process ends.
void for_ever(std::unique_ptr<Instance> instance) {
  static std::mutex mutex;
  static auto& kept = *std::make_unique<std::vector<std::unique_ptr<Instance>>>().release();
  const std::lock_guard lock(mutex);
  kept.push_back(std::move(instance));
}

}  // namespace

InProcess::InProcess(Blueprint blueprint, Services& services)
    : Generation(std::move(blueprint)), services_(services) {
  make_host_table();
}

InProcess::~InProcess() {
  if (const auto ending = end(blueprint().limit); !ending.unloaded) {
    end_control();
    if (!unload().unloaded && instance_) for_ever(std::move(instance_));
  }
}

// The tables hold plain functions: `context` brings them back to this object.
void InProcess::make_host_table() {
  host_.struct_size = sizeof host_;
  host_.abi_major = DOJO_ABI_MAJOR;
  host_.abi_minor = DOJO_ABI_MINOR;
  host_.context = this;
  host_.complete = [](void* context, dojo_request_id id, const dojo_response* response) {
    auto& self = generation_of(context);
    return self.services_.complete(
        self, id, read_table<dojo_response>(response).value_or(failure(kNoStatus)));
  };
  host_.cancelled = [](void* context, dojo_request_id id) -> std::int32_t {
    auto& self = generation_of(context);
    return id != 0 && self.services_.cancelled(self, id) ? 1 : 0;
  };
  host_.now_ns = [](void*) {
    return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  };
  host_.log = [](void* context, std::int32_t level, dojo_request_id id, dojo_span text) {
    auto& self = generation_of(context);
    self.services_.log(self, level, id, view(text));
  };
  host_.count = [](void* context, dojo_span name, double amount) {
    auto& self = generation_of(context);
    self.services_.count(self, view(name), amount);
  };
  host_.observe = [](void* context, dojo_span name, double value) {
    auto& self = generation_of(context);
    self.services_.observe(self, view(name), value);
  };
  host_.write = [](void* context, dojo_request_id id, dojo_span chunk) {
    auto& self = generation_of(context);
    return self.services_.write(self, id, view(chunk));
  };
  host_.extension = [](void* context, const char* name) -> const void* {
    return std::string_view(name) == DOJO_EXT_EXECUTOR ? &generation_of(context).executor_
                                                       : nullptr;
  };
  executor_.struct_size = sizeof executor_;
  executor_.post = [](void* context, void (*run)(void*, std::int32_t), void* data) -> std::int32_t {
    auto& self = generation_of(context);
    if (run == nullptr) return DOJO_INVALID;
    return self.services_.post(self, {run, data}) ? DOJO_OK : DOJO_FAILED;
  };
}

Status InProcess::load() {
  auto thread = threads::start([this] { control(); });
  if (!thread) return Unexpected(thread.error());
  control_ = std::move(*thread);
  const auto status = on_control([this] { return bring_up(); }, blueprint().limit);
  return status ? *status : fail(fmt::format("it has not started within {}", blueprint().limit));
}

Status InProcess::bring_up() {
  auto instance = Instance::open(blueprint().file);
  if (!instance) return Unexpected(instance.error());
  instance_ = std::move(*instance);
  if (auto status = instance_->create(host_, blueprint().config); !status) return status;
  introduce(instance_->name(), instance_->version(), instance_->routes());
  if (blueprint().state && instance_->takes_state()) {
    if (auto status = instance_->restore(*blueprint().state); !status) return status;
  }
  if (auto status = instance_->start(); !status) return status;
  return instance_->health();
}

std::int32_t InProcess::handle(const dojo_request& request, unsigned /*worker*/) const noexcept {
  return instance_->handle(request);
}

void InProcess::resume(dojo_request_id id, unsigned /*worker*/) const noexcept {
  instance_->resume(id);
}

Verdict InProcess::judge(const dojo_request& request, unsigned /*worker*/) const noexcept {
  return instance_->judge(request);
}

void InProcess::cancel(dojo_request_id /*id*/) const noexcept {}  // the plugin asks cancelled()

Result<std::optional<std::string>> InProcess::save() {
  const auto state = on_control([this] { return instance_->save(); }, blueprint().limit);
  return state ? *state : fail(fmt::format("save has not come back within {}", blueprint().limit));
}

std::optional<Status> InProcess::ask_health() {
  const std::lock_guard lock(mutex_);
  if (!health_) {
    if (stuck_ || leaving_) return fail("a call of its code has not come back");
    if (work_) return std::nullopt;  // after that
    health_ = hand_over([this] { return instance_->health(); });
    health_by_ = Clock::now() + blueprint().limit;
    return std::nullopt;
  }
  if (!work_) return *std::exchange(health_, nullptr);
  if (Clock::now() < health_by_) return std::nullopt;
  stuck_ = true;
  return fail(fmt::format("its health check has not come back within {}", blueprint().limit));
}

Ending InProcess::end(milliseconds limit) {
  std::string complaint;
  if (control_.joinable()) {
    const auto ended =
        on_control([this] { return instance_ ? instance_->end() : Status(); }, limit);
    if (!ended)
      return {false, fmt::format("a call of its code has not come back within {}", limit)};
    if (!*ended) complaint = ended->error().message;
    end_control();
  }
  auto ending = unload();
  if (!complaint.empty()) ending.why = complaint + (ending.why.empty() ? "" : "; ") + ending.why;
  return ending;
}

Ending InProcess::unload() {
  if (instance_) {
    // To unmap code that a thread runs would be to crash in it.
    if (const auto left = stragglers(number(), blueprint().file); !left.empty()) {
      return {false, fmt::format("it left threads running: {}", fmt::join(left, ", "))};
    }
    instance_.reset();
  }
  if (!is_mapped(blueprint().file)) return {};
  return {false, "the loader keeps it mapped (STB_GNU_UNIQUE, NODELETE, or a thread's objects)"};
}

template <class Work, class Returned>
std::optional<Returned> InProcess::on_control(Work work, milliseconds limit) {
  const auto until = Clock::now() + limit;
  std::unique_lock lock(mutex_);
  const auto free = [this] { return !work_; };
  if (stuck_ || leaving_ || !changed_.wait_until(lock, until, free)) return std::nullopt;
  const auto returned = hand_over(std::move(work));
  if (changed_.wait_until(lock, until, free)) return std::move(*returned);
  stuck_ = true;
  return std::nullopt;
}

template <class Work, class Returned>
InProcess::Receipt<Returned> InProcess::hand_over(Work work) {
  // Shared, since the caller may have gone when the work is done.
  auto returned = std::make_shared<std::optional<Returned>>();
  work_ = [work = std::move(work), returned] {
    try {
      *returned = work();
    } catch (const std::exception& error) {  // out of memory
      *returned = fail(error.what());
    }
  };
  changed_.notify_all();
  return returned;
}

void InProcess::control() {
  name_this_thread(number());
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return leaving_ || work_; });
    if (!work_) return;
    lock.unlock();
    threads::guard(work_, [](const char*) {});
    lock.lock();
    work_ = nullptr;
    stuck_ = false;
    changed_.notify_all();
  }
}

void InProcess::end_control() {
  {
    const std::lock_guard lock(mutex_);
    leaving_ = true;
  }
  changed_.notify_all();
  if (control_.joinable()) control_.join();
}

}  // namespace dojo::plugins
