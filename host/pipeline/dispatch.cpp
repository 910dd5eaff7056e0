#include "pipeline/dispatch.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <dojo/model.hpp>

#include "plugins/span.hpp"

namespace dojo::pipeline {
namespace {

using plugins::span;
using plugins::view;
using std::chrono::steady_clock;

// How late a deadline may be noticed.
constexpr std::chrono::milliseconds kDeadlineStep{20};

unsigned worker_count(unsigned wanted) {
  return wanted != 0 ? wanted : std::max(4u, 2 * std::thread::hardware_concurrency());
}

std::string microseconds(steady_clock::duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
}

/// Why a response cannot be sent, if so.
std::optional<std::string> fault_of(const dojo_response& response) {
  const bool sound = response.status == 200 || response.status == DOJO_STATUS_FAILED ||
                     response.status == DOJO_STATUS_INVALID_BODY ||
                     (response.status >= 400 && response.status <= 599);
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

const Refusal kOverloaded{Code::overloaded,
                          "Service Unavailable: too many requests are waiting",
                          {},
                          {},
                          std::chrono::seconds(1)};

}  // namespace

Dispatcher::Dispatcher(const DispatchOptions& options, const host::Log& log, CodeCounts& counts)
    : options_(options), log_(log), counts_(counts), in_flight_(options.in_flight) {
  executor_ = std::make_unique<Executor>(worker_count(options_.workers), options_.queue,
                                         [this](const Executor::Task& task) { run(task); });
  deadlines_ = std::thread([this] { watch_deadlines(); });
}

Dispatcher::~Dispatcher() {
  stop([] {});
}

void Dispatcher::submit(std::unique_ptr<Call> call) {
  if (draining_) return refuse(std::move(call), draining());
  const auto own = call->route.info().deadline;
  // From now, since how long a body may take to arrive is limited apart.
  call->deadline = steady_clock::now() + (own.count() != 0 ? own : options_.deadline);
  const auto gate = call->route.gate;
  const auto id = in_flight_.open(call);
  if (!id) return refuse(std::move(call), kOverloaded);
  if (executor_->push({*id, gate})) return;
  if (auto turned_away = in_flight_.close(*id, nullptr))
    refuse(std::move(turned_away), kOverloaded);
}

void Dispatcher::run(const Executor::Task& task) {
  auto* call = in_flight_.start(task.id);
  if (call == nullptr ||
      in_flight_.cancelled(task.id)) {  // answered for meanwhile, or the caller has gone
    if (call != nullptr) in_flight_.close(task.id, nullptr);
    executor_->release(task.gate);
    return;
  }
  call->times.started = steady_clock::now();
  if (!prepare_body(task.id, *call)) return;

  dojo_request request{};
  request.struct_size = sizeof request;
  request.route = call->route.index;
  request.id = task.id;
  request.body = span(call->body);
  request.hotkey = span(call->caller.hotkey);
  request.dialect = span(to_string(call->caller.dialect));
  request.peer = span(call->peer);
  request.trace = span(call->terms.request_id);
  request.deadline_ns = static_cast<std::uint64_t>(call->deadline.time_since_epoch().count());
  // The call may be over, and gone, before handle() returns; the generation must not be.
  const auto generation = call->route.generation;
  in_flight_.hand_over(task.id);
  const auto taken = generation->handle(request);
  if (taken == DOJO_OK) return;
  if (auto left = close(task.id, generation.get())) {
    fail(std::move(left), fmt::format("handle returned {}", taken));
  }
}

bool Dispatcher::prepare_body(dojo_request_id id, Call& call) {
  if (call.compressed) {
    auto plain = wire::decompress(call.body, options_.decompression);
    if (!plain) {
      auto ended = close(id, nullptr);
      if (ended)
        refuse(std::move(ended),
               {plain.error().code, "Failed to decompress zstd data: " + plain.error().message});
      return false;
    }
    call.body = std::move(*plain);
    call.decompressed = Share(decompressed_, call.body.size());
    if (decompressed_ > options_.decompressed) {
      if (auto ended = close(id, nullptr)) refuse(std::move(ended), kOverloaded);
      return false;
    }
  }
  call.body.reserve(call.body.size() + DOJO_BODY_PADDING);
  return true;
}

std::unique_ptr<Call> Dispatcher::close(dojo_request_id id, const plugins::Generation* generation) {
  auto call = in_flight_.close(id, generation);
  if (call) executor_->release(call->route.gate);
  return call;
}

std::int32_t Dispatcher::complete(const plugins::Generation& generation, dojo_request_id id,
                                  const dojo_response& response) noexcept {
  {
    const std::lock_guard lock(mutex_);
    ++completing_;
  }
  std::int32_t result = DOJO_FAILED;
  try {
    result = complete_now(generation, id, response);
  } catch (const std::exception& error) {  // out of memory; the request's end has answered 500
    log_.error("an answer was lost", {{"plugin", generation.name()}, {"reason", error.what()}});
  }
  // Spans have been copied, whatever came of it, so the plugin has them back on every way out.
  if (response.release != nullptr) response.release(response.release_context);
  const std::lock_guard lock(mutex_);
  if (--completing_ == 0) completed_.notify_all();
  return result;
}

std::int32_t Dispatcher::complete_now(const plugins::Generation& generation, dojo_request_id id,
                                      const dojo_response& response) {
  auto call = close(id, &generation);
  if (!call || !call->waiting) return DOJO_STALE;
  if (const auto fault = fault_of(response)) {
    fail(std::move(call), *fault);
    return DOJO_INVALID;
  }
  const auto error = view(response.error);
  const auto metadata = view(response.metadata);
  if (response.status == DOJO_STATUS_FAILED) {
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
  const auto trace = id == 0 ? std::string() : in_flight_.trace(id);
  const auto write = level >= DOJO_LOG_ERROR     ? &host::Log::error
                     : level == DOJO_LOG_WARNING ? &host::Log::warning
                     : level == DOJO_LOG_INFO    ? &host::Log::info
                                                 : &host::Log::debug;
  (log_.*write)(text, {{"plugin", generation.name()}, {"request", trace}});
}

void Dispatcher::answer(std::unique_ptr<Call> call, int status, Code code, std::string_view body,
                        std::optional<std::string_view> error, std::string_view metadata) {
  if (!call->waiting) return;
  const auto handled = steady_clock::now();
  auto whole = make_answer(call->terms, status, code, body, error, metadata);
  ++counts_[static_cast<std::size_t>(code)];
  call->waiting->answer(std::move(whole));
  if (!log_.debugs()) return;
  const auto& times = call->times;
  log_.debug("answered", {{"request", call->terms.request_id},
                          {"route", call->route.info().name},
                          {"hotkey", call->caller.hotkey},
                          {"code", to_string(code)},
                          {"status", std::to_string(status)},
                          {"admission_us", microseconds(times.admitted - times.received)},
                          {"queue_us", microseconds(times.started - times.admitted)},
                          {"handler_us", microseconds(handled - times.started)},
                          {"answer_us", microseconds(steady_clock::now() - handled)}});
}

void Dispatcher::refuse(std::unique_ptr<Call> call, const Refusal& refusal) {
  if (!call->waiting) return;
  ++counts_[static_cast<std::size_t>(refusal.code)];
  call->waiting->answer(make_answer(call->terms, refusal));
  if (!refusals_.take()) return;
  log_.info("refused", {{"request", call->terms.request_id},
                        {"route", call->route.info().name},
                        {"hotkey", call->caller.hotkey},
                        {"code", to_string(refusal.code)},
                        {"reason", refusal.reason.empty() ? refusal.told : refusal.reason}});
}

void Dispatcher::fail(std::unique_ptr<Call> call, std::string_view reason) {
  if (!call->waiting) return;
  if (failures_.take()) {
    log_.error("handler failed", {{"request", call->terms.request_id},
                                  {"plugin", call->route.generation->name()},
                                  {"route", call->route.info().name},
                                  {"reason", reason}});
  }
  const auto told = fmt::format("Internal server error (request {})", call->terms.request_id);
  answer(std::move(call), http_status(Code::internal), Code::internal, {}, told, {});
}

void Dispatcher::watch_deadlines() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kDeadlineStep, [this] { return stopping_; })) {
    lock.unlock();
    for (auto& late : in_flight_.take_overdue(steady_clock::now())) {
      if (failures_.take()) {
        log_.warning("deadline passed", {{"request", late.terms.request_id},
                                         {"route", late.route},
                                         {"hotkey", late.hotkey},
                                         {"stage", late.running ? "handler" : "queue"}});
      }
      ++counts_[static_cast<std::size_t>(Code::deadline)];
      late.waiting->answer(
          make_answer(late.terms, {Code::deadline, "Gateway Timeout: no answer in time"}));
    }
    lock.lock();
  }
}

bool Dispatcher::drain(std::chrono::milliseconds limit) {
  refuse_new();
  return in_flight_.wait_until_answered(steady_clock::now() + limit);
}

void Dispatcher::stop(const std::function<void()>& let_go) {
  refuse_new();
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
  }
  wake_.notify_all();
  deadlines_.join();
  // Nobody waits any more, and handlers that ask cancelled() come to know it, before they are
  // waited for.
  for (auto& open : in_flight_.take_overdue(steady_clock::time_point::max())) {
    ++counts_[static_cast<std::size_t>(Code::draining)];
    open.waiting->answer(make_answer(open.terms, draining()));
  }
  // The executor goes only with this object: a plugin's own thread may complete a request, and
  // release its gate, until the plugin has been stopped.
  executor_->stop();

  auto left = in_flight_.clear();
  {
    // A completion under way holds a call, and with it a generation, which must not end on a thread
    // of its own plugin's.
    std::unique_lock lock(mutex_);
    completed_.wait(lock, [this] { return completing_ == 0; });
  }
  std::vector<std::shared_ptr<const plugins::Generation>> generations;
  for (auto& call : left) {
    if (call->waiting) {
      ++counts_[static_cast<std::size_t>(Code::draining)];
      call->waiting->answer(make_answer(call->terms, draining()));
      call->waiting.reset();
    }
    generations.push_back(std::move(call->route.generation));
  }
  let_go();
  generations.clear();
  left.clear();
}

std::size_t Dispatcher::queued() const {
  return executor_->waiting();
}

}  // namespace dojo::pipeline
