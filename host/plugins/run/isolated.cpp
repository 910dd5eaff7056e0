#include "plugins/run/isolated.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/threads.hpp"
#include "plugins/abi/tables.hpp"

namespace dojo::plugins {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPatience{2'000};   // of a request that comes while there is no worker
constexpr milliseconds kLongLife{10'000};  // a worker that ends after it did not end from its start
constexpr milliseconds kFarAway{60'000};
constexpr std::size_t kMostRoutes = 4096;
constexpr std::size_t kLongestIntroduction = std::size_t{16} << 20;  // bytes of names and schemas
constexpr std::size_t kLongestReason = std::size_t{8} * 1024;

milliseconds until(std::chrono::steady_clock::time_point then) {
  const auto left = std::chrono::ceil<milliseconds>(then - std::chrono::steady_clock::now());
  return std::clamp(left, milliseconds(0), kFarAway);
}

}  // namespace

std::shared_ptr<Isolated> Isolated::make(Blueprint blueprint, Services& services,
                                         IsolationOptions options) {
  return std::shared_ptr<Isolated>(
      new Isolated(std::move(blueprint), services, std::move(options)));
}

Isolated::Isolated(Blueprint blueprint, Services& services, IsolationOptions options)
    : Generation(std::move(blueprint)),
      services_(services),
      options_(std::move(options)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Isolated::~Isolated() {
  Isolated::end(milliseconds(0));
}

Status Isolated::load() {
  if (!wake_) return fail("there are too few file descriptors for a process of its own");
  auto thread = threads::start([this] { watch(); });
  if (!thread) return Unexpected(thread.error());
  watcher_ = std::move(*thread);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return loaded_.has_value(); });
  return *loaded_;
}

// -- Requests: the executor's threads -----------------------------------------------------------

std::int32_t Isolated::handle(const dojo_request& request, unsigned worker) const noexcept {
  try {
    const Clock::time_point deadline{
        std::chrono::nanoseconds(static_cast<std::int64_t>(request.deadline_ns))};
    const auto limit = std::min(deadline, Clock::now() + kPatience);
    while (const auto process = await(limit)) {
      if (const auto code = process->handle(request, worker)) return *code;
    }
    services_.complete(*this, request.id,
                       failure(kWorkerDied, "there is no process of the plugin's"));
    return DOJO_OK;
  } catch (const std::exception& error) {  // out of memory
    log(DOJO_LOG_ERROR, error.what());
    return DOJO_FAILED;
  }
}

void Isolated::resume(dojo_request_id id, unsigned worker) const noexcept {
  if (const auto process = current()) process->resume(id, worker);
}

Verdict Isolated::judge(const dojo_request& request, unsigned worker) const noexcept {
  try {
    const auto limit = Clock::now() + kPatience;
    while (const auto process = await(limit)) {
      if (auto verdict = process->judge(request, worker)) return std::move(*verdict);
    }
    return {Code::internal, "there is no process of the plugin's"};
  } catch (const std::exception& error) {  // out of memory
    return {Code::internal, error.what()};
  }
}

void Isolated::cancel(dojo_request_id id) const noexcept {
  if (const auto process = current()) process->cancel(id);
}

std::shared_ptr<WorkerProcess> Isolated::await(Clock::time_point until) const {
  std::unique_lock lock(mutex_);
  const auto serves = [this] { return process_ && !process_->over(); };
  changed_.wait_until(lock, until, [&] { return end_by_ || serves(); });
  return serves() ? process_ : nullptr;
}

std::shared_ptr<WorkerProcess> Isolated::current() const {
  const std::lock_guard lock(mutex_);
  return process_;
}

pid_t Isolated::pid() const {
  const auto process = current();
  return process && !process->over() ? process->pid() : 0;
}

std::optional<std::int64_t> Isolated::process() const {
  const auto its = pid();
  return its == 0 ? std::nullopt : std::optional<std::int64_t>(its);
}

// -- Calls: whoever controls the generation -----------------------------------------------------

Result<Isolated::Reply> Isolated::call(MessageKind kind) {
  std::unique_lock lock(mutex_);
  const auto process = process_;
  if (is_stuck()) return fail("its process has not come back from its health check");
  reply_.reset();
  call_ = ++calls_;
  if (!process || !process->tell({kind, {call_}, {}})) {
    return fail("its process does not listen; it may be starting anew");
  }
  const auto over = [&] { return reply_ || process_ != process; };
  if (!changed_.wait_for(lock, blueprint().limit, over)) {
    return fail(fmt::format("its process has not answered within {}", blueprint().limit));
  }
  if (!reply_) return fail("its process ended");
  return std::move(*std::exchange(reply_, std::nullopt));
}

Result<std::optional<std::string>> Isolated::save() {
  auto reply = call(MessageKind::save);
  if (!reply) return Unexpected(reply.error());
  if (reply->sort == Outcome::Sort::failed) return fail(std::move(reply->text));
  if (reply->sort == Outcome::Sort::nothing) return std::optional<std::string>();
  return std::optional<std::string>(std::move(reply->text));
}

std::optional<Status> Isolated::ask_health() {
  const std::lock_guard lock(mutex_);
  if (!check_) {
    if (!process_ || !process_->tell({MessageKind::health, {++calls_}, {}})) {
      return fail("its process does not listen; it may be starting anew");
    }
    check_ = {calls_, process_, Clock::now() + blueprint().limit, std::nullopt};
    return std::nullopt;
  }
  if (check_->reply) {
    auto reply = *std::exchange(check_, std::nullopt)->reply;
    return reply.sort == Outcome::Sort::failed ? Status(fail(std::move(reply.text))) : Status();
  }
  if (check_->process != process_) {
    check_.reset();
    return fail("its process ended");
  }
  if (!is_stuck()) return std::nullopt;
  return fail(fmt::format("its process has not answered within {}", blueprint().limit));
}

/// Whether the process is held up by a health check. With mutex_.
bool Isolated::is_stuck() const {
  return check_ && !check_->reply && check_->process == process_ && Clock::now() >= check_->by;
}

Ending Isolated::end(milliseconds limit) {
  {
    const std::lock_guard lock(mutex_);
    end_by_ = Clock::now() + limit;
  }
  changed_.notify_all();
  if (watcher_.joinable()) {
    const std::uint64_t once = 1;
    (void)!::write(wake_.get(), &once, sizeof once);
    watcher_.join();
  }
  return {};
}

// -- The watcher ----------------------------------------------------------------------------------

void Isolated::watch() noexcept {
  threads::guard([this] { keep_alive(); }, [this](const char* why) { log(DOJO_LOG_ERROR, why); });
  bury();
  {
    const std::lock_guard lock(mutex_);
    watched_.reset();
    if (!loaded_) loaded_.emplace(fail("it has ended"));  // so short that it needs no memory
  }
  changed_.notify_all();
}

void Isolated::keep_alive() {
  auto started = launch();
  const bool first = started.has_value();
  {
    const std::lock_guard lock(mutex_);
    loaded_ = started;
  }
  changed_.notify_all();
  if (!first) return;
  for (auto backoff = options_.backoff_least;;
       backoff = std::min(2 * backoff, options_.backoff_most)) {
    if (started) {
      threads::guard([this] { tend(); }, [this](const char* why) { log(DOJO_LOG_ERROR, why); });
      const auto lived = Clock::now() - watched_->began();
      bury();
      if (ending()) return;
      threads::guard([this] { tell_of_its_end(); }, [](const char*) {});
      if (lived >= kLongLife) backoff = options_.backoff_least;
    } else {
      threads::guard([&] { tell_of_no_start(backoff, started.error().message); },
                     [](const char*) {});
    }
    if (!pause(backoff)) return;
    ++restarts_;
    started = launch();
    if (!started) continue;
    threads::guard([this] { tell_of_its_start(); }, [](const char*) {});
  }
}

void Isolated::tell_of_its_end() const {
  log(DOJO_LOG_ERROR, fmt::format("its process ended: {}", watched_->how_it_ended()));
}

void Isolated::tell_of_its_start() const {
  log(DOJO_LOG_WARNING, fmt::format("its process was started anew (pid {})", watched_->pid()));
}

void Isolated::tell_of_no_start(milliseconds next_try, const std::string& why) const {
  log(DOJO_LOG_ERROR,
      fmt::format("its process cannot be started anew; next try in {}: {}", next_try, why));
}

Status Isolated::launch() noexcept {
  Status status;
  threads::guard([&] { status = try_launch(); },
                 [&](const char* why) {
                   status = Unexpected(Error());  // if there is no memory for the words either
                   status = fail(why);
                 });
  if (!status) bury();
  return status;
}

Status Isolated::try_launch() {
  watched_ = std::make_shared<WorkerProcess>(*this, services_, options_.max_answer);
  if (auto status = watched_->spawn(options_.program, blueprint().workers); !status) return status;
  if (auto status = bring_up(*watched_); !status) return status;
  {
    const std::lock_guard lock(mutex_);
    process_ = watched_;
  }
  changed_.notify_all();
  return {};
}

Status Isolated::bring_up(WorkerProcess& process) {
  const auto& plan = blueprint();
  const Limits limits{options_.memory_bytes, options_.cpu_seconds, options_.open_files};
  const auto state = plan.state.value_or("");
  const SetupMessage setup({plan.file.native(), plan.config, state, plan.state.has_value(),
                            options_.max_answer, limits, options_.sandbox});
  if (!process.tell(setup.message)) {
    return fail("its process did not take what it is to run");
  }
  Introduction introduction;
  const auto deadline = Clock::now() + plan.limit;
  const auto hear = [&](const Message& message) { return hear_start(introduction, message); };
  while (!introduction.started && introduction.refusal.empty()) {
    if (ending()) return fail("it was ended while it started");
    if (Clock::now() >= deadline) {
      return fail(fmt::format("it has not started within {}", plan.limit));
    }
    if (process.attend(wake_.get(), until(deadline), hear)) continue;
    if (!introduction.refusal.empty()) break;
    bury();
    return fail(fmt::format("its process ended while it started: {}", process.how_it_ended()));
  }
  if (!introduction.refusal.empty()) return fail(std::move(introduction.refusal));
  return get_to_know(std::move(introduction));
}

Status Isolated::hear_start(Introduction& introduction, const Message& message) {
  if (introduction.started) return fail("it started twice");
  for (const auto text : message.texts) introduction.size += text.size();
  if (introduction.size > kLongestIntroduction) return fail("it has too much to say of itself");
  switch (message.kind) {
    case MessageKind::opened:
      introduction.name = message.texts[0];
      introduction.version = message.texts[1];
      return check_name(introduction.name);
    case MessageKind::route: {
      auto route = route_of(message);
      if (!route) return Unexpected(route.error());
      if (introduction.routes.size() >= kMostRoutes) return fail("it has too many routes");
      if (auto status = check_route(*route, introduction.routes); !status) return status;
      introduction.routes.push_back(std::move(*route));
      return {};
    }
    case MessageKind::started:
      introduction.started = true;
      if (introduction.name.empty() || introduction.routes.empty()) return fail("it has no routes");
      return {};
    case MessageKind::refused:
      introduction.refusal = message.texts[0].empty() ? "no reason given" : message.texts[0];
      return {};
    default:
      return fail(
          fmt::format("a message of kind {} while it starts", static_cast<unsigned>(message.kind)));
  }
}

Status Isolated::get_to_know(Introduction introduction) {
  if (routes().empty()) {
    introduce(std::move(introduction.name), std::move(introduction.version),
              std::move(introduction.routes));
    return {};
  }
  if (introduction.name == name() && introduction.version == version() &&
      introduction.routes == routes()) {
    return {};
  }
  return fail("it has come up with another name, version or other routes than before");
}

void Isolated::tend() {
  const auto hear = [this](const Message& message) { return hear_reply(message); };
  for (bool told = false;;) {
    const auto end_by = ending();
    if (end_by && Clock::now() >= *end_by) {
      if (told) log(DOJO_LOG_WARNING, "its process does not stop, and is killed");
      return;
    }
    if (end_by && !std::exchange(told, true)) watched_->tell({MessageKind::stop, {}, {}});
    if (!watched_->attend(wake_.get(), end_by ? until(*end_by) : kFarAway, hear)) return;
  }
}

Status Isolated::hear_reply(const Message& message) {
  if (message.kind != MessageKind::done) {
    return fail(
        fmt::format("a message of kind {} out of turn", static_cast<unsigned>(message.kind)));
  }
  const auto outcome = outcome_of(message);
  if (!outcome) return Unexpected(outcome.error());
  {
    const std::lock_guard lock(mutex_);
    if (outcome->call > calls_) return fail("it answered a call that was not made");
    const bool good = outcome->sort == Outcome::Sort::good;
    const auto text = good ? outcome->text : outcome->text.substr(0, kLongestReason);
    if (outcome->call == call_) reply_ = Reply{outcome->sort, std::string(text)};
    if (check_ && outcome->call == check_->call)
      check_->reply = Reply{outcome->sort, std::string(text)};
  }
  changed_.notify_all();
  return {};
}

void Isolated::bury() noexcept {
  {
    const std::lock_guard lock(mutex_);
    process_.reset();
  }
  changed_.notify_all();
  if (watched_) watched_->bury();
}

bool Isolated::pause(milliseconds length) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, length, [this] { return end_by_.has_value(); });
}

std::optional<Isolated::Clock::time_point> Isolated::ending() {
  std::uint64_t woken = 0;
  // NOLINTNEXTLINE(*.BlockInCriticalSection): it never blocks
  (void)!::read(wake_.get(), &woken, sizeof woken);
  const std::lock_guard lock(mutex_);
  return end_by_;
}

void Isolated::log(std::int32_t level, std::string_view text) const {
  services_.log(*this, level, 0, text);
}

}  // namespace dojo::plugins
