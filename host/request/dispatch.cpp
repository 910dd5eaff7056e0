#include "request/dispatch.hpp"

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <dojo/chunk.hpp>
#include <dojo/model.hpp>

#include "base/threads.hpp"
#include "plugins/abi/span.hpp"
#include "plugins/abi/tables.hpp"
#include "plugins/run/stragglers.hpp"
#include "request/answer_signer.hpp"
#include "request/streamed_answer.hpp"

namespace dojo::request {
namespace {

using plugins::span;
using plugins::view;
using std::chrono::steady_clock;

std::int64_t microseconds(steady_clock::duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

/// Of one that is answered now. In the order of StageTimes::kStages.
StageTimes::Measured measure(const Times& times, Times::Point handled) {
  return {times.admitted - times.received, times.whole - times.admitted,
          times.proven - times.whole,      times.queued,
          times.prepared - times.started,  handled - times.prepared,
          steady_clock::now() - handled};
}

/// Why a response cannot be sent, if so.
std::optional<std::string> fault_of(const dojo_response& response, const Route& route) {
  const bool raw = route.info().raw;
  const bool sound = plugins::is_answer_status(response.status, raw) ||
                     (route.generation().isolated() && response.status == plugins::kWorkerDied);
  if (!sound) return fmt::format("it answered with status {}", response.status);
  if (raw) {
    if (response.error.size != 0 && response.status >= 200 && response.status < 400)
      return fmt::format("it answered with status {} and an error", response.status);
    const auto fault = check_fields(view(response.fields));
    return fault ? std::optional("among the fields it answered with is " + *fault) : std::nullopt;
  }
  if ((response.flags & DOJO_RESPONSE_WELL_FORMED) != 0) return std::nullopt;
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

/// Whether it says that the chunks before it were all.
bool is_whole(const dojo_response& response) {
  return response.status == 200 && response.error.size == 0;
}

/// What ABI 1.1 tells of a request.
void describe(const Exchange& exchange, dojo_request& request) {
  const auto& head = exchange.head;
  const bool with_query = dialect(exchange.caller().dialect).signs_query();
  request.method = span(head.method());
  request.target = span(with_query ? head.target() : head.path());
  request.fields = span(head.lines());
  request.uid = -1;
  if (!exchange.neuron) return;
  request.uid = exchange.neuron->uid;
  request.stake = exchange.neuron->stake;
  if (exchange.neuron->validator_permit) request.flags |= DOJO_REQUEST_VALIDATOR_PERMIT;
}

Refusal refusal_of(const Pushed& pushed) {
  const bool late = pushed.what == Pushed::What::too_late;
  return overloaded(pushed.wait, late ? "its turn would come after its deadline" : "");
}

Refusal no_room_to_inflate() {
  return overloaded({}, "its caller has its share of compression.max_request_bytes");
}

/// What throws does so for want of memory. That costs the one request that it is about, or a line
/// of the log.
template <class Work>
void unless_it_throws(Work&& work) noexcept {
  threads::guard(work, [](std::string_view) {});
}

}  // namespace

Dispatcher::Dispatcher(const DispatchOptions& options, const base::Log& log, base::Metrics& metrics,
                       Refusals& refusals)
    : options_(options),
      log_(log),
      metrics_(metrics),
      refusals_(refusals),
      plain_bytes_(base::Resource::plain_bytes, options.decompressed),
      in_flight_(options.in_flight) {}

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
  options.is_over = [this](dojo_request_id id) {
    const auto exchange = in_flight_.find(id);
    return !exchange || exchange->idle();
  };
  options.displaced = [this](Task&& task, std::chrono::nanoseconds wait) {
    const auto exchange = in_flight_.find(task.id);
    if (!exchange) return;
    unless_it_throws([&] {
      if (auto responder = end(*exchange, Stage::queued))
        refuse(*exchange, std::move(*responder),
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
      in_flight_.for_each_of(crew, [&](Exchange& exchange) {
        crew.generation().cancel(exchange.id);
        if (exchange.streams()) exchange.on_room();  // it may wait for that
      });
      (void)crew.wait_until_idle(grace);
    }
    answer_for(crew);
  }
  const bool ended = crew.executor().stop(grace);
  answer_for(crew);  // what came into its queue at the last moment, and was dropped with it
  return ended;
}

void Dispatcher::answer_for(const Crew& crew) {
  in_flight_.for_each_of(crew, [&](Exchange& exchange) {
    end_stream(exchange, false);
    unless_it_throws([&] {
      auto ended = end(exchange, Stage::queued);
      refuse(exchange, ended ? std::move(*ended) : take_responder(exchange), draining());
    });
  });
}

void Dispatcher::dismiss(const plugins::Generation& generation) {
  const auto crew = crew_of(generation);
  if (!crew) return;
  in_flight_.for_each_of(*crew, [&](Exchange& exchange) {
    if (!exchange.end()) return;
    in_flight_.close(exchange);
    end_stream(exchange, false);
    const auto responder = take_responder(exchange);  // holds nothing, but for want of memory
    exchange.route.stay = {};
  });
  const std::lock_guard lock(mutex_);
  crews_.erase(&generation);
}

// ---- the way of a request

void Dispatcher::begin(Exchange& exchange, Route route) {
  exchange.route = std::move(route);
  const auto own = exchange.route.info().deadline;
  // From now, since how long a body may take to arrive is limited apart.
  exchange.times.whole = exchange.times.proven = steady_clock::now();
  exchange.deadline = exchange.times.whole + (own.count() != 0 ? own : options_.deadline);
  if (exchange.route.info().streams)
    exchange.streamed = std::make_unique<StreamedAnswer>(exchange, options_.stream);
}

void Dispatcher::submit(const ExchangePtr& exchange) {
  auto& route = exchange->route;
  if (draining_) return turn_away(*exchange, draining());
  const auto& info = route.info();
  if (!in_flight_.open(*exchange))
    return turn_away(*exchange, overloaded({}, "its caller has its share of dispatch.in_flight"));
  const auto crew = route.crew;
  if (!exchange->move(Stage::coming, Stage::queued)) return turn_away(*exchange, draining());
  const auto now = steady_clock::now();
  if (exchange->deadline <= now) return on_deadline(*exchange);  // which may have been told before
  exchange->times.pushed = now;
  Task task;
  task.id = exchange->id;
  task.gate = route.gate;
  task.hooked = info.hooked;
  task.caller = exchange->caller().key;
  task.weight = exchange->weight;
  task.arrived = now;
  task.deadline = exchange->deadline;
  const auto pushed = crew->executor().push(std::move(task));
  if (pushed) return;
  if (auto responder = end(*exchange, Stage::queued))
    refuse(*exchange, std::move(*responder), refusal_of(pushed));
}

void Dispatcher::turn_away(Exchange& exchange, const Refusal& refusal) {
  exchange.route.stay = {};
  refuse(exchange, take_responder(exchange), refusal);
}

void Dispatcher::run(Executor& executor, Task task, unsigned worker) {
  const auto exchange = in_flight_.find(task.id);
  if (task.resumes) {
    if (exchange && exchange->stage() == Stage::running)
      exchange->route.generation().resume(task.id, worker);
    return;
  }
  const auto gate = task.hooked ? nullptr : task.gate;  // that it has passed
  if (!exchange || !exchange->move(Stage::queued, Stage::taken)) return executor.release(gate);
  try {
    attend_to(executor, exchange, std::move(task), worker);
  } catch (const std::exception& error) {
    // Whoever has ended it has opened its gate, and its caller is answered as it goes.
    unless_it_throws([&] {
      auto responder = end(*exchange, Stage::taken);
      if (!responder) return;
      executor.release(gate);
      refuse(*exchange, std::move(*responder), overloaded({}, error.what()));
    });
  }
}

void Dispatcher::attend_to(Executor& executor, const ExchangePtr& exchange, Task task,
                           unsigned worker) {
  if (exchange->idle()) {  // its caller has gone, or its crew is ending
    auto responder = end_early(executor, task, *exchange);
    if (responder && !exchange->gone()) refuse(*exchange, std::move(*responder), draining());
    return;
  }
  auto& times = exchange->times;
  times.started = steady_clock::now();
  times.queued += times.started - times.pushed;
  if (const auto refusal = prepare_body(*exchange)) {
    if (auto responder = end_early(executor, task, *exchange))
      refuse(*exchange, std::move(*responder), *refusal);
    return;
  }
  times.prepared = steady_clock::now();

  const auto& route = exchange->route;
  dojo_request request{};
  request.struct_size = sizeof request;
  request.route = route.index;
  request.body = span(exchange->body);
  request.hotkey = span(exchange->caller().hotkey);
  request.dialect = span(to_string(exchange->caller().dialect));
  request.peer = span(exchange->peer);
  request.trace = span(exchange->terms.request_id);
  request.deadline_ns = static_cast<std::uint64_t>(task.deadline.time_since_epoch().count());
  request.call = exchange->id;
  describe(*exchange, request);
  // Its place may be given back before handle() returns; the crew must not go with it.
  const auto crew = route.crew;
  if (task.hooked) {
    if (!ask_hooks(task, request, *exchange, worker)) return;
    const auto pushed = executor.push_again(std::move(task));
    if (pushed) return;
    if (auto responder = end(*exchange, Stage::queued))
      refuse(*exchange, std::move(*responder), refusal_of(pushed));
    return;
  }
  request.id = exchange->id;
  exchange->move(Stage::taken, Stage::running);
  const bool idle = exchange->idle();  // then it is for no plugin; and none knows of it yet
  const auto taken = idle ? DOJO_FAILED : crew->generation().handle(request, worker);
  if (taken == DOJO_OK) return;
  auto responder = end(*exchange, Stage::running);
  if (!responder) return;
  executor.release(route.gate);
  exchange->route.stay = {};
  if (idle) {
    if (!exchange->gone()) refuse(*exchange, std::move(*responder), draining());
    return;
  }
  fail(*exchange, std::move(*responder), fmt::format("handle returned {}", taken));
}

bool Dispatcher::ask_hooks(Task& task, const dojo_request& request, Exchange& exchange,
                           unsigned worker) {
  const auto& generation = exchange.route.generation();
  auto verdict = generation.judge(request, worker);
  if (verdict.code == Code::ok) {
    task.priority = verdict.priority;
    exchange.times.pushed = steady_clock::now();
    return put_back(exchange);
  }
  auto responder = end(exchange, Stage::taken);
  if (!responder) return false;
  if (verdict.code == Code::internal) {
    fail(exchange, std::move(*responder), verdict.reason);
  } else {
    const auto* word = verdict.code == Code::blacklisted ? "Blacklisted" : "Forbidden";
    Refusal refusal{verdict.code, fmt::format("{}: {}", word, verdict.reason)};
    refusal.rule = "plugin " + generation.name();
    refuse(exchange, std::move(*responder), refusal);
  }
  return false;
}

std::optional<Refusal> Dispatcher::prepare_body(Exchange& exchange) {
  auto& body = exchange.body;
  if (exchange.compressed) {
    exchange.plain = {plain_bytes_, exchange.account};
    const auto least = wire::least_decompressed_size(body, options_.decompression);
    if (!exchange.plain.resize(std::min<std::uint64_t>(least, options_.decompression.max_output)))
      return no_room_to_inflate();
    auto plain = wire::decompress(body, options_.decompression);
    if (!plain) {
      return Refusal{plain.error().code,
                     "Failed to decompress zstd data: " + plain.error().message};
    }
    body = std::move(*plain);
    exchange.compressed = false;
    exchange.charge.set(exchange.head.bytes().size());
    if (!exchange.plain.resize(body.size())) return no_room_to_inflate();
  }
  body.reserve(body.size() + DOJO_BODY_PADDING);
  return std::nullopt;
}

void Dispatcher::on_deadline(Exchange& exchange) noexcept {
  if (exchange.stage() == Stage::coming) return;  // submit() will look
  auto ended = end(exchange, Stage::queued);
  const bool waited = ended.has_value();
  auto responder = ended ? std::move(*ended) : take_responder(exchange);
  if (!waited) exchange.route.crew->generation().cancel(exchange.id);
  if (!responder) return;
  if (!waited) exchange.route.crew->count(exchange.caller().key, true);
  unless_it_throws([&] {
    if (failures_.take()) {
      log_.warning("deadline passed", {{"request", exchange.terms.request_id},
                                       {"route", exchange.route.info().name},
                                       {"hotkey", exchange.caller().hotkey},
                                       {"stage", waited ? "queue" : "handler"}});
    }
    refuse(exchange, std::move(responder),
           {Code::deadline, "Gateway Timeout: no answer in time",
            waited ? "it waited too long for a worker" : "the handler took too long"});
  });
}

void Dispatcher::on_gone(Exchange& exchange) noexcept {
  if (const auto responder = end(exchange, Stage::queued)) {
    if (*responder) exchange.place = {};  // and the answer goes to nobody
  } else if (exchange.stage() == Stage::running) {
    end_stream(exchange, false);
    exchange.route.crew->generation().cancel(exchange.id);
  }
}

std::optional<net::Responder> Dispatcher::end(Exchange& exchange, Stage stage) {
  if (!exchange.move(stage, Stage::over)) return std::nullopt;
  in_flight_.close(exchange);
  end_stream(exchange, false);
  if (stage != Stage::running) exchange.route.stay = {};  // else once its spans have been read
  return take_responder(exchange);
}

std::optional<net::Responder> Dispatcher::end_early(Executor& executor, const Task& task,
                                                    Exchange& exchange) {
  auto responder = end(exchange, Stage::taken);
  if (responder && !task.hooked) executor.release(task.gate);  // else it has not passed its gate
  return responder;
}

bool Dispatcher::put_back(Exchange& exchange) {
  exchange.move(Stage::taken, Stage::queued);
  if (!exchange.answered() && !exchange.gone()) return true;
  // Whoever was told of that has found it taken.
  const auto responder = end(exchange, Stage::queued);
  if (responder && *responder) exchange.place = {};
  return false;
}

// ---- what plugins ask

std::int32_t Dispatcher::complete(const plugins::Generation& generation, dojo_request_id id,
                                  const dojo_response& response) noexcept {
  std::int32_t result = DOJO_STALE;
  const auto exchange = in_flight_.take(id, [&](Exchange& open) {
    return &open.route.generation() == &generation && open.move(Stage::running, Stage::over);
  });
  if (exchange) {
    exchange->route.crew->executor().release(exchange->route.gate);
    try {
      if (exchange->streamed && is_whole(response)) exchange->streamed->begin();
      auto responder = take_responder(*exchange);
      result = responder || !exchange->streamed
                   ? complete_now(generation, *exchange, std::move(responder), response)
                   : complete_stream(generation, *exchange, response);
    } catch (const std::exception& error) {  // out of memory; the responder's end has answered 500
      result = DOJO_FAILED;
      unless_it_throws([&] {
        log_.error("an answer was lost", {{"plugin", generation.name()}, {"reason", error.what()}});
      });
    }
    exchange->route.stay = {};  // not before the spans have been read
  }
  // Spans have been copied, whatever came of it, so the plugin has them back on every way out.
  if (response.release != nullptr) response.release(response.release_context);
  return result;
}

std::int32_t Dispatcher::complete_now(const plugins::Generation& generation, Exchange& exchange,
                                      net::Responder responder, const dojo_response& response) {
  if (!responder) return DOJO_STALE;
  if (const auto fault = fault_of(response, exchange.route)) {
    fail(exchange, std::move(responder), *fault);
    return DOJO_INVALID;
  }
  const auto error = view(response.error);
  const auto metadata = view(response.metadata);
  if (response.status == plugins::kWorkerDied) {
    exchange.route.crew->count(exchange.caller().key, true);
    if (failures_.take()) {
      log_.error("a request was lost with its plugin's process",
                 {{"request", exchange.terms.request_id},
                  {"plugin", generation.name()},
                  {"route", exchange.route.info().name},
                  {"hotkey", exchange.caller().hotkey}});
    }
    refuse(exchange, std::move(responder),
           {Code::internal,
            "Service Unavailable: the plugin's process has ended",
            {},
            503,
            std::chrono::seconds(1)});
  } else if (response.status == DOJO_STATUS_FAILED) {
    fail(exchange, std::move(responder), error);
  } else if (response.status == DOJO_STATUS_INVALID_BODY) {
    refuse(exchange, std::move(responder), {Code::invalid_body, std::string(error)});
  } else if (response.status == DOJO_STATUS_TOO_LARGE) {
    refuse(exchange, std::move(responder), {Code::too_large, std::string(error)});
  } else if (exchange.route.info().raw && error.empty()) {
    const auto status = static_cast<int>(response.status);
    answer(exchange, std::move(responder), status < 400 ? Code::ok : Code::handler, [&] {
      return make_raw_answer(exchange.terms, status, view(response.body), view(response.fields));
    });
  } else if (response.status != 200) {
    answer(exchange, std::move(responder), static_cast<int>(response.status), Code::handler, {},
           error, metadata);
  } else {
    answer(exchange, std::move(responder), 200, Code::ok, view(response.body), std::nullopt,
           metadata);
  }
  return DOJO_OK;
}

// ---- streams

ExchangePtr Dispatcher::find_stream(const plugins::Generation& generation, dojo_request_id id) {
  auto exchange = in_flight_.find(id);
  const bool writes = exchange && &exchange->route.generation() == &generation &&
                      exchange->stage() == Stage::running;
  return writes ? exchange : nullptr;
}

std::int32_t Dispatcher::write(const plugins::Generation& generation, dojo_request_id id,
                               std::string_view chunk) noexcept {
  std::int32_t result = DOJO_FAILED;
  unless_it_throws([&] {
    const auto exchange = find_stream(generation, id);
    if (!exchange) return void(result = DOJO_STALE);
    if (!exchange->streamed) return void(result = DOJO_INVALID);
    if (fault_of_chunk(chunk)) return void(result = DOJO_INVALID);
    if (exchange->route.crew->cancelled()) return void(result = DOJO_STALE);
    switch (exchange->streamed->write(chunk)) {
      case StreamedAnswer::Wrote::yes:
        return void(result = DOJO_OK);
      case StreamedAnswer::Wrote::full:
        return void(result = DOJO_FULL);
      case StreamedAnswer::Wrote::too_long:
        if (end_stream(*exchange, false) && failures_.take())
          log_.error("an answer is longer than stream.max_bytes",
                     {{"request", exchange->terms.request_id},
                      {"plugin", generation.name()},
                      {"route", exchange->route.info().name}});
        exchange->route.crew->generation().cancel(id);
        [[fallthrough]];
      case StreamedAnswer::Wrote::gone:
        return void(result = DOJO_STALE);
    }
  });
  return result;
}

void Dispatcher::await_room(const plugins::Generation& generation, dojo_request_id id) noexcept {
  const auto exchange = find_stream(generation, id);
  if (exchange && exchange->streamed) exchange->streamed->want_room();
}

bool Dispatcher::end_stream(Exchange& exchange, bool whole) noexcept {
  if (!exchange.streamed || !exchange.streamed->end(whole)) return false;
  ++(whole ? whole_streams_ : broken_streams_);
  in_flight_.answered();
  return true;
}

std::int32_t Dispatcher::complete_stream(const plugins::Generation& generation, Exchange& exchange,
                                         const dojo_response& response) {
  const bool whole = is_whole(response);
  if (!end_stream(exchange, whole)) return DOJO_STALE;
  exchange.route.crew->count(exchange.caller().key, !whole);
  refusals_.count(whole ? Code::ok : Code::internal);
  const base::LogFields fields = {
      {"request", exchange.terms.request_id}, {"plugin", generation.name()},
      {"route", exchange.route.info().name},  {"chunks", exchange.streamed->chunks()},
      {"bytes", exchange.streamed->bytes()},  {"reason", view(response.error)}};
  if (whole) {
    log_.debug("streamed", fields);
  } else if (failures_.take()) {
    log_.error("a handler failed after it had begun its answer", fields);
  }
  return DOJO_OK;
}

bool Dispatcher::cancelled(const plugins::Generation&, dojo_request_id id) noexcept {
  const auto exchange = in_flight_.find(id);
  return !exchange || exchange->idle();
}

void Dispatcher::log(const plugins::Generation& generation, std::int32_t level, dojo_request_id id,
                     std::string_view text) noexcept {
  unless_it_throws([&] {
    const auto exchange = id == 0 ? nullptr : in_flight_.find(id);
    const auto trace = exchange ? std::string_view(exchange->terms.request_id) : "";
    const base::LogFields fields = {{"plugin", generation.name()}, {"request", trace}};
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

net::Responder Dispatcher::take_responder(Exchange& exchange) {
  auto responder = exchange.take_responder();
  if (responder && exchange.id != 0) in_flight_.answered();
  return responder;
}

void Dispatcher::answer(Exchange& exchange, net::Responder responder, int status, Code code,
                        std::string_view body, std::optional<std::string_view> error,
                        std::string_view metadata) {
  answer(exchange, std::move(responder), code,
         [&] { return make_answer(exchange.terms, status, code, body, error, metadata); });
}

template <class Make>
void Dispatcher::answer(Exchange& exchange, net::Responder responder, Code code, Make make) {
  const auto& route = exchange.route;
  route.crew->count(exchange.caller().key, code == Code::internal);
  const auto handled = steady_clock::now();
  net::Response whole = make();
  const auto status = whole.status;
  whole.headers.add("x-dojo-generation", std::to_string(route.generation().number()));
  refusals_.count(code);
  send(exchange, std::move(responder), std::move(whole));
  const bool due = StageTimes::is_due();
  if (!due && !log_.debugs()) return;
  const auto measured = measure(exchange.times, handled);
  if (due) stage_times_.add(measured);
  if (!log_.debugs()) return;
  const auto us = [&](std::size_t stage) { return microseconds(measured[stage]); };
  log_.debug("answered", {{"request", exchange.terms.request_id},
                          {"route", route.info().name},
                          {"hotkey", exchange.caller().hotkey},
                          {"code", to_string(code)},
                          {"status", status},
                          {"admission_us", us(0)},
                          {"body_us", us(1)},
                          {"signature_us", us(2)},
                          {"queue_us", us(3)},
                          {"inflation_us", us(4)},
                          {"handler_us", us(5)},
                          {"answer_us", us(6)}});
}

void Dispatcher::refuse(Exchange& exchange, net::Responder responder, const Refusal& refusal) {
  if (!responder) return;
  refusals_.note(exchange, refusal);
  send_by_pool(exchange, std::move(responder), make_answer(exchange.terms, refusal));
}

void Dispatcher::fail(Exchange& exchange, net::Responder responder, std::string_view reason) {
  if (!responder) return;
  if (failures_.take()) {
    log_.error("handler failed", {{"request", exchange.terms.request_id},
                                  {"plugin", exchange.route.generation().name()},
                                  {"route", exchange.route.info().name},
                                  {"reason", reason}});
  }
  const auto told = fmt::format("Internal server error (request {})", exchange.terms.request_id);
  answer(exchange, std::move(responder), http_status(exchange.terms.style, Code::internal),
         Code::internal, {}, told, {});
}

bool Dispatcher::drain(std::chrono::milliseconds limit) {
  refuse_new();
  return in_flight_.wait_until_answered(steady_clock::now() + limit);
}

}  // namespace dojo::request
