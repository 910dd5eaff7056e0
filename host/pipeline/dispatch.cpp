#include "pipeline/dispatch.hpp"

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <dojo/model.hpp>

#include "plugins/abi.hpp"
#include "plugins/span.hpp"
#include "plugins/stragglers.hpp"
#include "threads/threads.hpp"

namespace dojo::pipeline {
namespace {

using plugins::span;
using plugins::view;
using std::chrono::steady_clock;

// How late a deadline may be noticed.
constexpr std::chrono::milliseconds kDeadlineStep{20};

std::int64_t microseconds(steady_clock::duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

/// Why a response cannot be sent, if so.
std::optional<std::string> fault_of(const dojo_response& response, bool isolated) {
  const bool sound = plugins::is_answer_status(response.status) ||
                     (isolated && response.status == plugins::kWorkerDied);
  if (!sound) return fmt::format("it answered with status {}", response.status);
  for (const auto& [what, text] :
       {std::pair{"body", view(response.body)}, {"metadata", view(response.metadata)}}) {
    if (text.empty()) continue;
    if (const auto status = check_json(text); !status) {
      return fmt::format("the {} it answered with is {}", what, status.error().message);
    }
    if (text[text.find_first_not_of(" \t\r\n")] != '{') {
      return fmt::format("the {} it answered with is no JSON object", what);
    }
  }
  return std::nullopt;
}

/// @param wait until it may be better; 0: not known
Refusal overloaded(std::chrono::nanoseconds wait = {}, std::string reason = {}) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait);
  return {Code::overloaded,
          "Service Unavailable: too many requests are waiting",
          std::move(reason),
          {},
          std::max(seconds, std::chrono::seconds(1))};
}

Refusal overloaded(const Pushed& pushed) {
  const bool late = pushed.what == Pushed::What::too_late;
  return overloaded(pushed.wait, late ? "its turn would come after its deadline" : "");
}

/// What throws does so for want of memory. That costs the one request that it is about, or a line
/// of the log.
template <class Work>
void unless_it_throws(Work&& work) noexcept {
  threads::guard(work, [](std::string_view) {});
}

}  // namespace

Dispatcher::Dispatcher(const DispatchOptions& options, const host::Log& log,
                       admin::Metrics& metrics, Refusals& refusals)
    : options_(options),
      log_(log),
      metrics_(metrics),
      refusals_(refusals),
      in_flight_(options.in_flight) {
  auto thread = threads::start([this] { watch(); });
  if (!thread) throw std::runtime_error(thread.error().message);
  watch_ = std::move(*thread);
}

Dispatcher::~Dispatcher() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  watch_.join();
}

// ---- crews

Status Dispatcher::engage(std::shared_ptr<plugins::Generation> generation) {
  const auto* const key = generation.get();
  Executor::Options options;
  options.workers = key->blueprint().workers;
  options.capacity = options_.queue;
  options.on_thread = [number = key->number()] { plugins::name_this_thread(number); };
  options.run = [this](Executor& executor, Task&& task, unsigned worker) {
    run(executor, std::move(task), worker);
  };
  options.is_over = [this](dojo_request_id id) { return in_flight_.cancelled(id); };
  options.displaced = [this](Task&& task, std::chrono::nanoseconds wait) {
    unless_it_throws([&] {
      if (auto call = in_flight_.close(task.id, nullptr))
        refuse(std::move(call),
               overloaded(wait, "callers who had less than their share came first"));
    });
  };
  try {
    auto crew = std::make_shared<Crew>(std::move(generation), std::move(options));
    const std::lock_guard lock(mutex_);
    crews_.emplace(key, std::move(crew));
    return {};
  } catch (const std::exception& error) {
    return dojo::fail(error.what());
  }
}

std::shared_ptr<Crew> Dispatcher::crew_of(const plugins::Generation& generation) const {
  const std::lock_guard lock(mutex_);
  const auto found = crews_.find(&generation);
  return found == crews_.end() ? nullptr : found->second;
}

bool Dispatcher::retire(Crew& crew, std::chrono::milliseconds drain,
                        std::chrono::milliseconds grace) {
  if (!crew.wait_until_idle(drain)) {
    if (!crew.cancelled()) {
      // Its handlers come to know it before their callers do: they may still have an answer.
      crew.cancel();
      (void)crew.wait_until_idle(grace);
    }
    answer_for(crew);
  }
  const bool ended = crew.executor().stop(grace);
  answer_for(crew);  // what came into its queue at the last moment, and was dropped with it
  return ended;
}

void Dispatcher::answer_for(const Crew& crew) {
  // As often as there is no memory for all of them at once.
  for (auto open = in_flight_.take_waiting(crew); !open.empty();
       open = in_flight_.take_waiting(crew)) {
    for (const auto& one : open) unless_it_throws([&] { refuse(one, draining()); });
  }
}

void Dispatcher::dismiss(const plugins::Generation& generation) {
  const auto crew = crew_of(generation);
  if (!crew) return;
  (void)in_flight_.clear(*crew);
  const std::lock_guard lock(mutex_);
  crews_.erase(&generation);
}

// ---- the way of a call

void Dispatcher::submit(std::unique_ptr<Call> call) {
  if (draining_) return refuse(std::move(call), draining());
  const auto& info = call->route.info();
  const auto now = steady_clock::now();
  // From now, since how long a body may take to arrive is limited apart.
  call->times.submitted = call->times.pushed = now;
  call->deadline = now + (info.deadline.count() != 0 ? info.deadline : options_.deadline);
  Task task;
  task.gate = call->route.gate;
  task.hooked = info.hooked;
  task.caller = call->caller.key;
  task.weight = call->weight;
  task.arrived = now;
  task.deadline = call->deadline;
  const auto crew = call->route.crew;
  const auto id = in_flight_.open(call);
  if (!id) return refuse(std::move(call), overloaded());
  task.id = *id;
  const auto pushed = crew->executor().push(std::move(task));
  if (pushed) return;
  if (auto turned_away = in_flight_.close(*id, nullptr))
    refuse(std::move(turned_away), overloaded(pushed));
}

void Dispatcher::run(Executor& executor, Task task, unsigned worker) {
  const auto id = task.id;
  const auto gate = task.hooked ? nullptr : task.gate;  // that it has passed
  try {
    attend_to(executor, std::move(task), worker);
  } catch (const std::exception& error) {
    // Whoever has closed it has opened its gate, and its caller is answered as it goes.
    auto call = in_flight_.close(id, nullptr);
    if (!call) return;
    executor.release(gate);
    unless_it_throws([&] { refuse(std::move(call), overloaded({}, error.what())); });
  }
}

void Dispatcher::attend_to(Executor& executor, Task task, unsigned worker) {
  auto* call = in_flight_.start(task.id);
  if (call == nullptr ||
      in_flight_.cancelled(task.id)) {  // answered for, the caller has gone, or its crew is ending
    auto ended = close_early(executor, task);
    if (ended && ended->waiting && !ended->waiting->abandoned()) {
      refuse(std::move(ended), draining());
    }
    return;
  }
  call->times.started = steady_clock::now();
  call->times.queued += call->times.started - call->times.pushed;
  if (const auto refusal = prepare_body(*call)) {
    if (auto ended = close_early(executor, task)) refuse(std::move(ended), *refusal);
    return;
  }

  dojo_request request{};
  request.struct_size = sizeof request;
  request.route = call->route.index;
  request.body = span(call->body);
  request.hotkey = span(call->caller.hotkey);
  request.dialect = span(to_string(call->caller.dialect));
  request.peer = span(call->peer);
  request.trace = span(call->terms.request_id);
  request.deadline_ns = static_cast<std::uint64_t>(call->deadline.time_since_epoch().count());
  // The call may be over, and gone, before handle() returns; the crew must not be.
  const auto crew = call->route.crew;
  if (task.hooked) {
    if (!ask_hooks(task, request, *call, *crew, worker)) return;
    const auto id = task.id;
    const auto pushed = executor.push_again(std::move(task));
    if (pushed) return;
    if (auto turned_away = in_flight_.close(id, nullptr))
      refuse(std::move(turned_away), overloaded(pushed));
    return;
  }
  request.id = task.id;
  in_flight_.hand_over(task.id);
  const auto taken = crew->generation().handle(request, worker);
  if (taken == DOJO_OK) return;
  if (auto left = close(task.id, &crew->generation())) {
    fail(std::move(left), fmt::format("handle returned {}", taken));
  }
}

bool Dispatcher::ask_hooks(Task& task, const dojo_request& request, Call& asked, const Crew& crew,
                           unsigned worker) {
  auto verdict = crew.generation().judge(request, worker);
  if (verdict.code == Code::ok) {
    task.priority = verdict.priority;
    asked.times.pushed = steady_clock::now();
    return in_flight_.put_back(task.id);
  }
  auto call = in_flight_.close(task.id, nullptr);
  if (!call) return false;
  if (verdict.code == Code::internal) {
    fail(std::move(call), verdict.reason);
  } else {
    const auto* word = verdict.code == Code::blacklisted ? "Blacklisted" : "Forbidden";
    Refusal refusal{verdict.code, fmt::format("{}: {}", word, verdict.reason)};
    refusal.rule = "plugin " + crew.generation().name();
    refuse(std::move(call), refusal);
  }
  return false;
}

std::optional<Refusal> Dispatcher::prepare_body(Call& call) {
  if (call.compressed) {
    auto plain = wire::decompress(call.body, options_.decompression);
    if (!plain) {
      return Refusal{plain.error().code,
                     "Failed to decompress zstd data: " + plain.error().message};
    }
    call.body = std::move(*plain);
    call.compressed = false;
    call.decompressed = Share(decompressed_, call.body.size());
    if (decompressed_ > options_.decompressed) return overloaded();
  }
  call.body.reserve(call.body.size() + DOJO_BODY_PADDING);
  return std::nullopt;
}

std::unique_ptr<Call> Dispatcher::close_early(Executor& executor, const Task& task) {
  auto call = in_flight_.close(task.id, nullptr);
  if (!task.hooked) executor.release(task.gate);  // else it has not passed its gate yet
  return call;
}

std::unique_ptr<Call> Dispatcher::close(dojo_request_id id, const plugins::Generation* generation) {
  auto call = in_flight_.close(id, generation);
  if (call) call->route.crew->executor().release(call->route.gate);
  return call;
}

// ---- what plugins ask

std::int32_t Dispatcher::complete(const plugins::Generation& generation, dojo_request_id id,
                                  const dojo_response& response) noexcept {
  std::int32_t result = DOJO_FAILED;
  try {
    result = complete_now(generation, id, response);
  } catch (const std::exception& error) {  // out of memory; the request's end has answered 500
    unless_it_throws([&] {
      log_.error("an answer was lost", {{"plugin", generation.name()}, {"reason", error.what()}});
    });
  }
  // Spans have been copied, whatever came of it, so the plugin has them back on every way out.
  if (response.release != nullptr) response.release(response.release_context);
  return result;
}

std::int32_t Dispatcher::complete_now(const plugins::Generation& generation, dojo_request_id id,
                                      const dojo_response& response) {
  auto call = close(id, &generation);
  if (!call || !call->waiting) return DOJO_STALE;
  if (const auto fault = fault_of(response, generation.isolated())) {
    fail(std::move(call), *fault);
    return DOJO_INVALID;
  }
  const auto error = view(response.error);
  const auto metadata = view(response.metadata);
  if (response.status == plugins::kWorkerDied) {
    call->route.crew->count(call->caller.key, true);
    if (failures_.take()) {
      log_.error("a request was lost with its plugin's process",
                 {{"request", call->terms.request_id},
                  {"plugin", generation.name()},
                  {"route", call->route.info().name},
                  {"hotkey", call->caller.hotkey}});
    }
    refuse(std::move(call), {Code::internal,
                             "Service Unavailable: the plugin's process has ended",
                             {},
                             503,
                             std::chrono::seconds(1)});
  } else if (response.status == DOJO_STATUS_FAILED) {
    fail(std::move(call), error);
  } else if (response.status == DOJO_STATUS_INVALID_BODY) {
    refuse(std::move(call), {Code::invalid_body, std::string(error)});
  } else if (response.status != 200) {
    answer(std::move(call), static_cast<int>(response.status), Code::handler, {}, error, metadata);
  } else {
    answer(std::move(call), 200, Code::ok, view(response.body), std::nullopt, metadata);
  }
  return DOJO_OK;
}

bool Dispatcher::cancelled(const plugins::Generation&, dojo_request_id id) noexcept {
  return in_flight_.cancelled(id);
}

void Dispatcher::log(const plugins::Generation& generation, std::int32_t level, dojo_request_id id,
                     std::string_view text) noexcept {
  unless_it_throws([&] {
    const auto trace = id == 0 ? std::string() : in_flight_.trace(id);
    const host::LogFields fields = {{"plugin", generation.name()}, {"request", trace}};
    if (level >= DOJO_LOG_ERROR) return log_.error(text, fields);
    if (level == DOJO_LOG_WARNING) return log_.warning(text, fields);
    if (level == DOJO_LOG_INFO) return log_.info(text, fields);
    log_.debug(text, fields);
  });
}

void Dispatcher::count(const plugins::Generation& generation, std::string_view name,
                       double amount) noexcept {
  unless_it_throws([&] { metrics_.count(generation.name(), name, amount); });
}

void Dispatcher::observe(const plugins::Generation& generation, std::string_view name,
                         double value) noexcept {
  unless_it_throws([&] { metrics_.observe(generation.name(), name, value); });
}

bool Dispatcher::post(const plugins::Generation& generation, plugins::Job job) noexcept {
  const auto crew = crew_of(generation);
  if (!crew) return false;
  Task task;
  task.arrived = steady_clock::now();
  task.job = job;
  return crew->executor().push(std::move(task));
}

// ---- answers

void Dispatcher::answer(std::unique_ptr<Call> call, int status, Code code, std::string_view body,
                        std::optional<std::string_view> error, std::string_view metadata) {
  if (!call->waiting) return;
  call->route.crew->count(call->caller.key, code == Code::internal);
  const auto handled = steady_clock::now();
  auto whole = make_answer(call->terms, status, code, body, error, metadata);
  whole.headers.emplace_back("x-dojo-generation",
                             std::to_string(call->route.generation().number()));
  refusals_.count(code);
  call->place = {};  // before its caller can know that it has one again
  call->waiting->answer(std::move(whole));
  if (!log_.debugs()) return;
  const auto& times = call->times;
  log_.debug("answered", {{"request", call->terms.request_id},
                          {"route", call->route.info().name},
                          {"hotkey", call->caller.hotkey},
                          {"code", to_string(code)},
                          {"status", status},
                          {"admission_us", microseconds(times.admitted - times.received)},
                          {"body_us", microseconds(times.submitted - times.admitted)},
                          {"queue_us", microseconds(times.queued)},
                          {"handler_us", microseconds(handled - times.started)},
                          {"answer_us", microseconds(steady_clock::now() - handled)}});
}

void Dispatcher::refuse(std::unique_ptr<Call> call, const Refusal& refusal) {
  if (!call->waiting) return;
  refusals_.note({.hotkey = call->caller.key,
                  .known = true,
                  .ip = call->ip,
                  .hotkey_text = call->caller.hotkey,
                  .peer = call->peer,
                  .route = call->route.info().name,
                  .request_id = call->terms.request_id},
                 refusal);
  call->place = {};
  call->waiting->answer(make_answer(call->terms, refusal));
}

void Dispatcher::refuse(const InFlight::Overdue& overdue, const Refusal& refusal) {
  refusals_.note({.hotkey = overdue.caller.key,
                  .known = true,
                  .ip = overdue.ip,
                  .hotkey_text = overdue.caller.hotkey,
                  .peer = overdue.peer,
                  .route = overdue.route,
                  .request_id = overdue.terms.request_id},
                 refusal);
  overdue.waiting->answer(make_answer(overdue.terms, refusal));
}

void Dispatcher::fail(std::unique_ptr<Call> call, std::string_view reason) {
  if (!call->waiting) return;
  if (failures_.take()) {
    log_.error("handler failed", {{"request", call->terms.request_id},
                                  {"plugin", call->route.generation().name()},
                                  {"route", call->route.info().name},
                                  {"reason", reason}});
  }
  const auto told = fmt::format("Internal server error (request {})", call->terms.request_id);
  answer(std::move(call), http_status(Code::internal), Code::internal, {}, told, {});
}

void Dispatcher::watch() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kDeadlineStep, [this] { return stopping_; })) {
    if (in_flight_.size() == 0) continue;
    lock.unlock();
    in_flight_.drop_abandoned();
    answer_overdue();
    for (const auto& idle : in_flight_.take_idle()) idle.crew->generation().cancel(idle.id);
    lock.lock();
  }
}

void Dispatcher::answer_overdue() {
  for (const auto& late : in_flight_.take_overdue(steady_clock::now())) {
    if (late.running) late.crew->count(late.caller.key, true);
    unless_it_throws([&] { answer_late(late); });
  }
}

void Dispatcher::answer_late(const InFlight::Overdue& late) {
  if (failures_.take()) {
    log_.warning("deadline passed", {{"request", late.terms.request_id},
                                     {"route", late.route},
                                     {"hotkey", late.caller.hotkey},
                                     {"stage", late.running ? "handler" : "queue"}});
  }
  refuse(late, {Code::deadline, "Gateway Timeout: no answer in time",
                late.running ? "the handler took too long" : "it waited too long for a worker"});
}

bool Dispatcher::drain(std::chrono::milliseconds limit) {
  refuse_new();
  return in_flight_.wait_until_answered(steady_clock::now() + limit);
}

}  // namespace dojo::pipeline
