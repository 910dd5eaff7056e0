#include "engine.hpp"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "answer.hpp"
#include "retry.hpp"
#include "signing.hpp"

namespace dojo::detail {
namespace {

// libcurl's own timers wake the poll as well; this only bounds a wait in which nothing is due.
constexpr std::chrono::milliseconds kLongestPoll{60'000};

CURLM* open_multi() {
  static const CURLcode kStarted = curl_global_init(CURL_GLOBAL_DEFAULT);
  CURLM* multi = kStarted == CURLE_OK ? curl_multi_init() : nullptr;
  if (!multi) throw std::runtime_error("libcurl cannot start");
  return multi;
}

ClientOptions checked(ClientOptions options) {
  if (options.max_connections == 0 || options.max_connections_per_host == 0) {
    throw std::invalid_argument("a client needs at least 1 connection");
  }
  options.max_connections = std::min<std::size_t>(options.max_connections, 65'535);
  options.max_connections_per_host =
      std::min(options.max_connections_per_host, options.max_connections);
  return options;
}

std::chrono::microseconds since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() -
                                                               start);
}

}  // namespace

Engine::Engine(wire::Keypair key, ClientOptions options)
    : key_(std::move(key)),
      address_(key_.address()),
      options_(checked(std::move(options))),
      multi_(open_multi(), [](CURLM* multi) { return curl_multi_cleanup(multi); }) {
  const auto in_all = static_cast<long>(options_.max_connections);
  curl_multi_setopt(multi_.get(), CURLMOPT_MAX_TOTAL_CONNECTIONS, in_all);
  curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, in_all);
  curl_multi_setopt(multi_.get(), CURLMOPT_MAX_HOST_CONNECTIONS,
                    static_cast<long>(options_.max_connections_per_host));
  spare_.push_back(std::make_unique<Exchange>(options_));  // throws here for unusable options
  thread_ = std::thread([this] { run(); });
}

Engine::~Engine() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake();
  thread_.join();
}

void Engine::submit(Submission submission) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = submitted_.empty() && cancelled_.empty();
    submitted_.push_back(std::move(submission));
  }
  if (first) wake();
}

void Engine::request_cancel(CallId id) {
  {
    const std::lock_guard lock(mutex_);
    cancelled_.push_back(id);
  }
  wake();
}

void Engine::wake() {
  curl_multi_wakeup(multi_.get());
}

void Engine::run() {
  while (take_commands()) {
    wake_sleepers();
    start_what_may();
    int running = 0;
    curl_multi_perform(multi_.get(), &running);
    collect();
    start_what_may();
    curl_multi_poll(multi_.get(), nullptr, 0, poll_timeout(), nullptr);
  }
  cancel_everything();
}

bool Engine::take_commands() {
  std::vector<Submission> submitted;
  std::vector<CallId> cancelled;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    submitted.swap(submitted_);
    cancelled.swap(cancelled_);
  }
  for (auto& submission : submitted) accept(std::move(submission));
  for (const auto id : cancelled) cancel(id, "cancelled");
  return true;
}

int Engine::poll_timeout() const {
  if (sleepers_.empty()) return static_cast<int>(kLongestPoll.count());
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(sleepers_.top().when - Clock::now());
  return static_cast<int>(std::clamp(left, std::chrono::milliseconds(0), kLongestPoll).count());
}

void Engine::accept(Submission submission) {
  auto owner = std::make_unique<Call>();
  Call& call = *owner;
  call.id = next_id_++;
  call.accepted = Clock::now();
  call.request = std::move(submission);
  calls_.emplace(call.id, std::move(owner));
  call.http.url = call.request.target.url;
  if (call.request.rejected) {
    finish(call.id, failed(std::move(*call.request.rejected), std::move(call.http)));
    return;
  }
  call.http.sizes.json_out = call.request.payload->json_bytes;
  call.http.sizes.body_out = call.request.payload->body.size();
  if (call.request.options.stop.stop_requested()) {
    cancel(call.id, "cancelled before it was sent");
    return;
  }
  if (call.request.options.stop.stop_possible()) {
    call.on_stop.emplace(call.request.options.stop, StopRequest{this, call.id});
  }
  enqueue(call);
}

void Engine::enqueue(Call& call) {
  call.waiting_since = Clock::now();
  const auto& name = call.request.target.host;
  Host& host = hosts_[name];
  host.waiting.push_back(call.id);
  list(name, host);
}

void Engine::list(const std::string& name, Host& host) {
  if (host.listed || host.waiting.empty() || host.active >= options_.max_connections_per_host) {
    return;
  }
  host.listed = true;
  hosts_with_work_.push_back(name);
}

// Hosts take turns, so that a long queue for one does not keep the others waiting.
void Engine::start_what_may() {
  while (active_ < options_.max_connections && !hosts_with_work_.empty()) {
    const std::string name = std::move(hosts_with_work_.front());
    hosts_with_work_.pop_front();
    Host& host = hosts_.at(name);
    host.listed = false;
    const auto found = calls_.find(host.waiting.front());
    host.waiting.pop_front();
    const bool known = found != calls_.end();
    if (known) {
      ++active_;
      ++host.active;
    }
    list(name, host);
    if (known) {
      start(*found->second);
    } else if (host.active == 0 && host.waiting.empty()) {
      hosts_.erase(name);
    }
  }
}

void Engine::start(Call& call) {
  const auto& options = call.request.options;
  ++call.http.attempts;
  call.http.timings.queued += since(call.waiting_since);
  call.deadline = Clock::now() + options.timeout;
  if (spare_.empty()) {
    call.exchange = std::make_unique<Exchange>(options_);
  } else {
    call.exchange = std::move(spare_.back());
    spare_.pop_back();
  }
  launch(call, options.preflight == Preflight::always ||
                   (options.preflight == Preflight::automatic &&
                    call.request.payload->body.size() > kPreflightThreshold));
}

void Engine::launch(Call& call, bool preflight) {
  const Payload* payload = preflight ? nullptr : call.request.payload.get();
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(call.deadline - Clock::now());
  call.in_preflight = preflight;
  call.exchange->prepare(&call, call.request.target, payload,
                         sign_request(key_, address_, dialect(call), call.request.target.path,
                                      payload, call.request.options),
                         std::max(left, std::chrono::milliseconds(1)));
  curl_multi_add_handle(multi_.get(), call.exchange->handle());
}

void Engine::collect() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL* handle = message->easy_handle;
    const CURLcode code = message->data.result;  // the message goes with its handle
    curl_multi_remove_handle(multi_.get(), handle);
    conclude(*static_cast<Call*>(Exchange::owner(handle)), code);
  }
}

void Engine::conclude(Call& call, CURLcode code) {
  auto error = call.exchange->conclude(code, call.http);
  const auto retry_after = call.exchange->retry_after();
  if (!error && call.in_preflight) call.http.timings.preflight = call.http.timings.exchange;
  if (!error && call.in_preflight && call.http.status < 300) {
    launch(call, false);
    return;
  }
  const bool transient =
      error ? is_worth_retrying(error->kind) : is_worth_retrying(call.http.status);
  release(call);
  if (transient && may_try_again(call)) {
    try_again(call, error ? std::chrono::seconds(0) : retry_after);
  } else if (error) {
    error->message = fmt::format("{}: {}", call.http.url, error->message);
    finish(call.id, failed(std::move(*error), std::move(call.http)));
  } else if (call.in_preflight) {
    finish(call.id, read_refused_preflight(std::move(call.http)));
  } else {
    finish(call.id, read_answer(std::move(call.http), options_));
  }
}

bool Engine::may_try_again(const Call& call) const {
  return call.http.attempts < call.request.options.max_retries;
}

void Engine::try_again(Call& call, std::chrono::seconds retry_after) {
  const auto wait =
      wait_before_next(call.http.attempts, call.request.options, retry_after, random_);
  call.waiting_since = Clock::now();
  sleepers_.push({call.waiting_since + wait, call.id});
}

void Engine::wake_sleepers() {
  const auto now = Clock::now();
  while (!sleepers_.empty() && sleepers_.top().when <= now) {
    const auto found = calls_.find(sleepers_.top().id);
    sleepers_.pop();
    if (found == calls_.end()) continue;
    Call& call = *found->second;
    call.http.timings.backoff += since(call.waiting_since);
    enqueue(call);
  }
}

// Gives the connection's place to the next in the queue.
void Engine::release(Call& call) {
  call.exchange->reset();
  spare_.push_back(std::move(call.exchange));
  --active_;
  const auto& name = call.request.target.host;
  Host& host = hosts_.at(name);
  --host.active;
  list(name, host);
  if (host.active == 0 && host.waiting.empty()) hosts_.erase(name);
}

void Engine::cancel(CallId id, std::string_view why) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  Call& call = *found->second;
  if (call.exchange) {
    curl_multi_remove_handle(multi_.get(), call.exchange->handle());
    release(call);
  }
  finish(id, failed({SendError::Kind::cancelled, std::string(why)}, std::move(call.http)));
}

void Engine::cancel_everything() {
  for (;;) {
    while (!calls_.empty()) cancel(calls_.begin()->first, "cancelled: the client goes away");
    std::vector<Submission> submitted;
    {
      // A delivery may have brought more in.
      const std::lock_guard lock(mutex_);
      submitted.swap(submitted_);
    }
    if (submitted.empty()) return;
    for (auto& submission : submitted) {
      StdResponse<RawJson> gone =
          failed({SendError::Kind::cancelled, "cancelled: the client goes away"});
      gone.client_response.url = submission.target.url;
      submission.deliver(std::move(gone));
    }
  }
}

void Engine::finish(CallId id, StdResponse<RawJson> response) {
  const auto found = calls_.find(id);
  const std::unique_ptr<Call> call = std::move(found->second);
  calls_.erase(found);
  response.client_response.timings.overall = since(call->accepted);
  call->on_stop.reset();
  call->request.deliver(std::move(response));
}

wire::Dialect Engine::dialect(const Call& call) const {
  return call.request.options.dialect.value_or(options_.dialect);
}

}  // namespace dojo::detail
