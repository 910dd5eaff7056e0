#include "engine.hpp"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>
#include <pthread.h>

#include "answer.hpp"
#include "intake.hpp"
#include "retry.hpp"
#include "signing.hpp"

namespace dojo::detail {
namespace {

// libcurl's own timers wake the poll as well; this only bounds a wait in which nothing is due.
constexpr std::chrono::milliseconds kLongestPoll{60'000};

// Until the next look at the connections, while libcurl cannot wait for them.
constexpr std::chrono::milliseconds kWaitWithoutPoll{10};

constexpr std::string_view kClientGoes = "client is gone";

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

// Short texts need no memory.
SendError cancelled(std::string_view why) {
  return {SendError::Kind::cancelled, std::string(why)};
}

}  // namespace

void StopRequest::operator()() const noexcept {
  engine->request_cancel(*note);
}

Engine::Engine(wire::Keypair key, ClientOptions options)
    : key_(std::move(key)),
      address_(key_.address()),
      options_(checked(std::move(options))),
      sessions_(key_.public_key()),
      multi_(open_multi(), [](CURLM* multi) { return curl_multi_cleanup(multi); }),
      courier_(options_, [this] { wake(); }) {
  // Connections per host are counted here alone. To libcurl, all that goes through a proxy is one.
  const auto in_all = static_cast<long>(options_.max_connections);
  curl_multi_setopt(multi_.get(), CURLMOPT_MAX_TOTAL_CONNECTIONS, in_all);
  curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, in_all);
  // Without descriptors for it libcurl starts all the same, and would sleep through every request.
  if (curl_multi_wakeup(multi_.get()) != CURLM_OK) {
    throw std::runtime_error("libcurl cannot be woken: no descriptors left");
  }
  spare_.reserve(options_.max_connections);
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

void Engine::submit(Calls call) noexcept {
  bool first = false;
  call.front().submitted = Clock::now();
  {
    const std::lock_guard lock(mutex_);
    if (!closed_) {
      first = submitted_.empty();
      submitted_.splice(submitted_.end(), call);
    }
  }
  if (first) wake();
  if (call.empty()) return;
  call.front().failure = cancelled(kClientGoes);
  courier_.take(call, call.begin());
}

void Engine::request_cancel(std::list<CallId>& note) noexcept {
  {
    const std::lock_guard lock(mutex_);
    cancelled_.splice(cancelled_.end(), note);
  }
  wake();
}

bool Engine::request_more(CallId id) noexcept {
  try {
    const std::lock_guard lock(mutex_);
    wanted_.push_back(id);
  } catch (const std::bad_alloc&) {
    return false;
  }
  wake();
  return true;
}

void Engine::wake() noexcept {
  curl_multi_wakeup(multi_.get());  // was seen to work when the engine was made
}

void Engine::run() noexcept {
  pthread_setname_np(pthread_self(), "client-io");
  while (take_commands()) {
    wake_sleepers();
    start_what_may();
    drive();
    collect();
    start_what_may();
    wait();
  }
  cancel_everything();
}

bool Engine::take_commands() {
  Calls submitted;
  std::list<CallId> cancelled;
  std::vector<CallId> wanted;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    wanted.swap(wanted_);
    submitted.swap(submitted_);
    cancelled.swap(cancelled_);
  }
  while (!submitted.empty()) {
    Calls one;
    one.splice(one.end(), submitted, submitted.begin());
    accept(std::move(one));
  }
  for (const auto id : wanted) go_on(id);
  for (const auto id : cancelled) cancel(id, "cancelled");
  return true;
}

void Engine::go_on(CallId id) {
  const auto found = by_id_.find(id);
  if (found != by_id_.end() && found->second->exchange) found->second->exchange->go_on();
}

void Engine::drive() {
  int running = 0;
  const auto rc = curl_multi_perform(multi_.get(), &running);
  if (rc != CURLM_OK) fail_what_is_under_way(curl_multi_strerror(rc));
}

void Engine::wait() {
  const auto rc = curl_multi_poll(multi_.get(), nullptr, 0, poll_timeout(), nullptr);
  if (rc != CURLM_OK) std::this_thread::sleep_for(kWaitWithoutPoll);
}

int Engine::poll_timeout() const {
  if (sleepers_.empty()) return static_cast<int>(kLongestPoll.count());
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(sleepers_.top().when - Clock::now());
  return static_cast<int>(std::clamp(left, std::chrono::milliseconds(0), kLongestPoll).count());
}

// What goes wrong with one call ends that one: there may be no memory, and libcurl may refuse.
template <class Step>
void Engine::attempt(Call& call, Step step) noexcept {
  const CallId id = call.id;
  try {
    step();
  } catch (...) {
    auto error = internal_error();
    if (!by_id_.contains(id)) return;  // it had its end before that
    take_back(call);
    finish(call, std::move(error));
  }
}

void Engine::accept(Calls one) {
  const auto call = one.begin();
  call->id = next_id_++;
  calls_.splice(calls_.end(), one);
  try {
    by_id_.emplace(call->id, call);
  } catch (...) {
    call->failure = internal_error();
    courier_.take(calls_, call);
    return;
  }
  attempt(*call, [&] { introduce(*call); });
}

void Engine::introduce(Call& call) {
  const auto& options = call.request.options;
  call.http.url = call.request.target.url;
  call.http.dialect = dialect_of(options, options_);
  if (call.request.rejected) {
    finish(call, std::move(call.request.rejected));
    return;
  }
  call.http.sizes.json_out = call.request.payload->json_bytes;
  call.http.sizes.body_out = call.request.payload->body.size();
  if (options.stop.stop_requested()) {
    finish(call, cancelled("cancelled before it was sent"));
    return;
  }
  if (options.stop.stop_possible()) {
    call.stop_note.push_back(call.id);
    call.on_stop.emplace(options.stop, StopRequest{this, &call.stop_note});
  }
  enqueue(call);
}

void Engine::enqueue(Call& call) {
  call.waiting_since = Clock::now();
  const auto [at, is_new] = hosts_.try_emplace(call.request.target.host);
  Host& host = at->second;
  if (is_new) host.name = &at->first;
  call.request.opens_session ? host.waiting.push_front(call.id) : host.waiting.push_back(call.id);
  list(host);
}

void Engine::list(Host& host) {
  if (host.listed || host.waiting.empty() || host.active >= options_.max_connections_per_host) {
    return;
  }
  host.listed = true;
  host.next = nullptr;
  (last_with_work_ ? last_with_work_->next : first_with_work_) = &host;
  last_with_work_ = &host;
}

// Hosts take turns, so that a long queue for one does not keep the others waiting.
void Engine::start_what_may() {
  while (active_ < options_.max_connections && first_with_work_ && !courier_.is_full()) {
    Host& host = *first_with_work_;
    first_with_work_ = host.next;
    if (!first_with_work_) last_with_work_ = nullptr;
    host.listed = false;
    const auto found = by_id_.find(host.waiting.front());
    host.waiting.pop_front();
    const bool known = found != by_id_.end();
    if (known) {
      ++active_;
      ++host.active;
    }
    list(host);
    if (known) {
      Call& call = *found->second;
      call.has_place = true;
      attempt(call, [&] { start(call); });
    } else if (host.active == 0 && host.waiting.empty()) {
      hosts_.erase(hosts_.find(*host.name));
    }
  }
}

void Engine::start(Call& call) {
  const auto& options = call.request.options;
  ++call.http.attempts;
  call.http.timings.queued += since(call.waiting_since);
  call.deadline = Clock::now() + options.timeout;
  call.has_to_sign = false;
  if (may_go_on_a_session(call)) ask_for_session(call);
  if (spare_.empty()) {
    call.exchange = std::make_unique<Exchange>(options_);
  } else {
    call.exchange = std::move(spare_.back());
    spare_.pop_back();
  }
  launch(call, begins_with_preflight(call), false);
}

// Who answers btauth/1 need not know HEAD.
bool Engine::begins_with_preflight(const Call& call) const {
  const auto& payload = *call.request.payload;
  if (payload.method == "HEAD") return false;
  const auto wanted = call.request.options.preflight;
  if (wanted != Preflight::automatic) return wanted == Preflight::always;
  return payload.body.size() > kPreflightThreshold && call.http.dialect != wire::Dialect::btauth1;
}

void Engine::launch(Call& call, bool preflight, bool fresh_connection) {
  const Payload* payload = preflight ? nullptr : call.request.payload.get();
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(call.deadline - Clock::now());
  call.in_preflight = preflight;
  call.session = nullptr;
  auto* const intake = preflight ? nullptr : call.request.intake.get();
  if (intake != nullptr) intake->begin(*this, call.id);
  call.exchange->prepare({.owner = &call,
                          .target = &call.request.target,
                          .payload = payload,
                          .sign = [this, &call] { return proven_headers(call); },
                          .timeout = std::max(left, std::chrono::milliseconds(1)),
                          .intake = intake,
                          .fresh_connection = fresh_connection});
  const auto rc = curl_multi_add_handle(multi_.get(), call.exchange->handle());
  if (rc != CURLM_OK) throw std::runtime_error(curl_multi_strerror(rc));
}

void Engine::collect() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL* handle = message->easy_handle;
    const CURLcode code = message->data.result;  // the message goes with its handle
    curl_multi_remove_handle(multi_.get(), handle);
    Call& call = *static_cast<Call*>(Exchange::owner(handle));
    attempt(call, [&] { conclude(call, code); });
  }
}

void Engine::fail_what_is_under_way(std::string_view why) {
  for (auto at = calls_.begin(); at != calls_.end();) {
    Call& call = *at++;
    if (!call.exchange) continue;
    attempt(call, [&] { throw std::runtime_error(std::string(why)); });
  }
}

void Engine::conclude(Call& call, CURLcode code) {
  auto error = call.exchange->conclude(code, call.http);
  if (error && call.exchange->found_a_dead_connection()) {
    launch(call, call.in_preflight, true);
    return;
  }
  call.http.on_session = call.session != nullptr;
  if (!error && lost_its_session(call)) {
    sign_instead(call);
    return;
  }
  const auto retry_after = call.exchange->retry_after();
  if (!error && call.in_preflight) {
    call.http.timings.preflight = call.http.timings.exchange;
    if (call.http.status < 300) {
      launch(call, false, false);
      return;
    }
  }
  const bool transient =
      error ? is_worth_retrying(error->kind) : is_worth_retrying(call.http.status);
  release(call);
  if (transient && may_try_again(call)) {
    try_again(call, error ? std::chrono::seconds(0) : retry_after);
    return;
  }
  if (error) error->message = fmt::format("{}: {}", call.http.url, error->message);
  finish(call, std::move(error));
}

bool Engine::may_try_again(const Call& call) const {
  if (call.request.intake && call.request.intake->has_begun()) return false;
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
    const auto found = by_id_.find(sleepers_.top().id);
    sleepers_.pop();
    if (found == by_id_.end()) continue;
    Call& call = *found->second;
    call.http.timings.backoff += since(call.waiting_since);
    attempt(call, [&] { enqueue(call); });
  }
}

// Gives the connection's place to the next in the queue.
void Engine::release(Call& call) {
  if (call.exchange) {
    call.exchange->reset();
    spare_.push_back(std::move(call.exchange));
  }
  call.has_place = false;
  --active_;
  const auto at = hosts_.find(call.request.target.host);
  Host& host = at->second;
  --host.active;
  list(host);
  if (host.active == 0 && host.waiting.empty()) hosts_.erase(at);
}

// Whatever the call holds, wherever it is.
void Engine::take_back(Call& call) {
  if (call.exchange) curl_multi_remove_handle(multi_.get(), call.exchange->handle());
  if (call.has_place) release(call);
}

void Engine::cancel(CallId id, std::string_view why) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  Call& call = *found->second;
  take_back(call);
  finish(call, cancelled(why));
}

void Engine::cancel_everything() {
  while (!calls_.empty()) cancel(calls_.front().id, kClientGoes);
  Calls late;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    late.swap(submitted_);
  }
  while (!late.empty()) {
    late.front().failure = cancelled(kClientGoes);
    courier_.take(late, late.begin());
  }
}

void Engine::finish(Call& call, std::optional<SendError> failure) {
  const auto found = by_id_.find(call.id);
  const auto node = found->second;
  by_id_.erase(found);
  call.on_stop.reset();
  call.failure = std::move(failure);
  courier_.take(calls_, node);
}

bool Engine::may_go_on_a_session(const Call& call) const {
  const Submission& request = call.request;
  return options_.sessions && !request.opens_session && !call.has_to_sign && request.options.to &&
         call.http.dialect == wire::Dialect::dojo1;
}

HeaderList Engine::proven_headers(Call& call) {
  const Submission& request = call.request;
  const auto payload = call.in_preflight ? nullptr : request.payload;
  if (may_go_on_a_session(call)) {
    call.session = sessions_.find(request.target, *request.options.to->key());
  }
  if (call.session) {
    return tag_request(*call.session, request.target, payload.get(), request.options);
  }
  if (call.http.dialect == wire::Dialect::btauth1) {
    return sign_btauth(key_, address_, request.target, payload, request.options, call.http.request);
  }
  return sign_request(key_, address_, call.http.dialect, request.target, payload.get(),
                      request.options);
}

// If nobody does. Requests are signed meanwhile, and whatever comes of it, none fails for it.
void Engine::ask_for_session(const Call& call) noexcept {
  const auto& target = call.request.target;
  const auto& to = *call.request.options.to->key();
  bool ours = false;
  try {
    ours = sessions_.is_wanted(target, to);
    if (!ours) return;
    Calls asking(1);
    asking.front().request = sessions_.opening(target, to, call.request.options.timeout);
    asking.front().submitted = Clock::now();
    accept(std::move(asking));
  } catch (...) {
    if (ours) sessions_.failed(target, to);
  }
}

// Also where the host has become one that knows no sessions: it misses the signature.
bool Engine::lost_its_session(const Call& call) {
  if (!call.session || call.http.status < 400) return false;
  const auto word = call.http.header(wire::kCodeHeader);
  if (!word) return call.http.status < 404;
  const auto code = parse_code(*word);
  return code == Code::no_session || code == Code::no_signature;
}

// At once, and it is no attempt: the request has not been looked at.
void Engine::sign_instead(Call& call) {
  sessions_.lost(call.request.target, *call.request.options.to->key(), *call.session);
  ask_for_session(call);
  call.has_to_sign = true;
  launch(call, call.in_preflight, false);
}

}  // namespace dojo::detail
