#include "net/connection.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <exception>
#include <new>
#include <utility>

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "net/forwarded.hpp"
#include "net/response_head.hpp"

namespace dojo::net {
namespace {

using namespace std::chrono_literals;

constexpr int kReadsPerTurn = 4;      // of the workbench's 64 KiB each
constexpr int kRequestsPerTurn = 32;  // pipelined ones, answered at once
constexpr std::uint64_t kDiscard =
    64 << 10;  // bytes of a refused body that are read rather than hung up on
constexpr auto kProbeDelay =
    500ms;  // from a waiting peer's FIN to the question whether it still reads
constexpr auto kLookAtReader = 1s;  // how often a slow one is asked how far it is
constexpr auto kLookAgain = 50ms;   // the same of one that has sent more
constexpr int kBatchesPerTurn = 4;  // of a stream
constexpr int kUnsent = 16 << 10;
constexpr int kHeldBackByDefault = 0;  // as net.ipv4.tcp_notsent_lowat has it
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

bool would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK;
}

void append_hex(std::size_t number, std::string& out) {
  std::array<char, 16> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16);
  out.append(digits.data(), end);
}

}  // namespace

Connection::Connection(int fd, std::size_t peer, const base::IpAddress& address, bool proxied,
                       Workbench& bench)
    : bench_(bench), fd_(fd), peer_(peer), address_(address), framer_(bench.shared.limits) {
  if (!proxied) return;
  state_ = State::proxy_header;
  proxy_.emplace();
}

void Connection::begin() {
  if (state_ == State::proxy_header) {
    deadline_ = Clock::now() + bench_.shared.limits.head_timeout;
  } else {
    become_idle();
    identify(address_);
  }
}

Connection::~Connection() {
  end_exchange();
  if (answered_) answered_->on_answered();
}

void Connection::identify(const base::IpAddress& address) {
  address_ = address;
  address_text_ = address.text();
  auto& shared = bench_.shared;
  account_ = shared.accounts.open(base::Holder::of(address));
  request_bytes_ = {shared.budgets.request_bytes, account_};
  is_proxy_ = base::holds(shared.proxies, address);
  if (is_proxy_) return;  // its callers are many
  const bool has_enough =
      account_->held(base::Resource::connections) >= shared.limits.max_connections_per_ip;
  place_ = {shared.budgets.connections, account_};
  if (!has_enough && place_.resize(1)) return;
  turn_away("too many connections from this address");
  // Those that are told so are counted nowhere: where it is crowded nobody is.
  if (shared.counters.open.load(std::memory_order_relaxed) >
      shared.limits.max_connections + kTurnedAwayAtOnce / 2) {
    state_ = State::gone;
  }
}

Connection::Interest Connection::interest() const {
  switch (state_) {
    case State::proxy_header:
    case State::lingering:
      return Interest::read;
    case State::reading:
      return more_ ? Interest::nothing : Interest::read;
    case State::waiting:
      if (half_closed_) return Interest::nothing;
      // Most are answered before anything comes: only then is it worth a system call to stop
      // reading.
      return disturbed_ ? Interest::hangup : Interest::read;
    case State::writing:
      return Interest::write;
    case State::streaming:
      if (blocked_) return Interest::write;
      if (half_closed_) return Interest::nothing;
      return disturbed_ ? Interest::hangup : Interest::read;
    case State::settling:
      return disturbed_ ? Interest::nothing : Interest::read;
    case State::gone:
      break;
  }
  return Interest::nothing;
}

void Connection::on_event() {
  switch (state_) {
    case State::proxy_header:
    case State::reading:
      more_ ? resume() : read_some();
      break;
    case State::waiting:
      look_for_hangup();
      break;
    case State::writing:
      flush();
      break;
    case State::streaming:
      blocked_ ? flow() : look_for_hangup();
      break;
    case State::settling:
      disturbed_ =
          true;  // by the next request, as a rule: then its sender has taken all of this one
      if (has_hung_up()) {
        state_ = State::gone;
      } else {
        on_time_of_reader();
      }
      break;
    case State::lingering:
      discard_input();
      break;
    case State::gone:
      break;
  }
}

// ---- reading

void Connection::read_some() {
  auto& input = bench_.input;
  for (int i = 0; i < kReadsPerTurn; ++i) {
    const ssize_t count = ::recv(fd_, input.data(), input.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && would_block(errno)) return;
    if (count <= 0) {
      state_ = State::gone;
      return;
    }
    take_in({input.data(), static_cast<std::size_t>(count)});
    const bool reading = state_ == State::reading || state_ == State::proxy_header;
    if (!reading || more_ || static_cast<std::size_t>(count) < input.size()) return;
  }
}

void Connection::take_in(std::string_view bytes) {
  if (state_ == State::proxy_header) read_proxy_header(bytes);
  if (state_ == State::reading) advance(bytes);
}

void Connection::read_proxy_header(std::string_view& bytes) {
  switch (proxy_->feed(bytes)) {
    case ProxyHeader::State::need_more:
      return;
    case ProxyHeader::State::malformed:
      ++bench_.shared.counters.malformed;
      state_ = State::gone;
      return;
    case ProxyHeader::State::done:
      introduced_ = true;
      break;
    case ProxyHeader::State::none:
      framer_.keep(proxy_->taken());
      break;
  }
  const base::IpAddress caller = proxy_->source().value_or(address_);
  proxy_.reset();
  if (!base::holds(bench_.shared.proxies, caller) && !bench_.shared.welcomes(caller)) {
    state_ = State::gone;
    return;
  }
  become_idle();
  identify(caller);
}

void Connection::resume() {
  more_ = false;
  if (state_ == State::reading) advance({});
}

void Connection::advance(std::string_view bytes) {
  for (int served = 0; state_ == State::reading;) {
    switch (framer_.next(bytes)) {
      case Framer::Event::need_more:
        on_need_more();
        return;
      case Framer::Event::head:
        on_head(!bytes.empty() || framer_.has_input());
        break;
      case Framer::Event::request:
        on_request();
        more_ = ++served >= kRequestsPerTurn && (!bytes.empty() || framer_.has_input());
        break;
      case Framer::Event::refused:
        ++bench_.shared.counters.malformed;
        refuse(framer_.status(), framer_.why());
        return;
    }
    if (more_) break;
  }
  const bool closing = state_ == State::lingering || state_ == State::gone || !keep_;
  if (!closing) framer_.keep(bytes);
}

void Connection::on_need_more() {
  const auto& limits = bench_.shared.limits;
  if (!request_bytes_.resize(framer_.held())) {
    refuse(503, "too many requests under way");
    return;
  }
  if (framer_.in_body()) {
    if (!std::exchange(body_under_way_, true)) began_ = Clock::now();
    deadline_ = by_rate(began_, limits.body_grace, framer_.body_received());
  } else if (framer_.started() && !std::exchange(under_way_, true)) {
    deadline_ = Clock::now() + limits.head_timeout;
  }
}

void Connection::on_head(bool body_is_here) {
  auto& shared = bench_.shared;
  framing_ = framer_.framing();
  keep_ = framing_.keep_alive && ++requests_ < shared.limits.max_requests_per_connection;
  exchange_ = shared.handler.make();
  exchange_->head = framer_.take_head();
  exchange_->address = address_;
  exchange_->peer = address_text_;
  exchange_->account = account_;
  if (is_proxy_ && !name_caller()) return;
  exchange_->account_before = std::move(account_before_);
  if (auto response = shared.handler.on_head(*exchange_)) {
    exchange_.reset();
    if (framing_.expects_continue || framing_.chunked || framing_.content_length > kDiscard) {
      keep_ = false;
      answer(std::move(*response));
      return;
    }
    framer_.discard_body();
    early_ = std::move(response);
    return;
  }
  if (!request_bytes_.hand_to(exchange_->account) ||
      !request_bytes_.may_grow(framing_.content_length)) {
    refuse(503, "too many requests under way");
  } else if (framing_.expects_continue && !body_is_here && !send_interim()) {
    state_ = State::gone;
  }
}

/// Takes over whom the proxy says that it speaks for. @return false if it was refused
bool Connection::name_caller() {
  auto& shared = bench_.shared;
  const auto said = read_forwarded(exchange_->head, shared.proxies);
  switch (said.state) {
    case Forwarded::State::malformed:
      ++shared.counters.malformed;
      refuse(400, said.why);
      return false;
    case Forwarded::State::absent:
      // Told once a connection. A proxy that has introduced itself may look after us for itself.
      if (!std::exchange(introduced_, true)) shared.handler.on_unnamed_caller(address_);
      break;
    case Forwarded::State::unnamed:
      break;
    case Forwarded::State::named:
      exchange_->address = said.caller;
      exchange_->peer = said.caller.text();
      exchange_->account = shared.accounts.open(base::Holder::of(said.caller));
      break;
  }
  return true;
}

void Connection::on_request() {
  under_way_ = body_under_way_ = false;
  auto body = framer_.take_body();
  if (early_) {
    answer(std::move(*std::exchange(early_, std::nullopt)));
  } else {
    dispatch(std::move(body));
  }
}

void Connection::dispatch(std::string body) {
  auto& shared = bench_.shared;
  request_bytes_.set(exchange_->head.bytes().size() + (body.empty() ? 0 : body.capacity()));
  exchange_->body = std::move(body);
  exchange_->charge =
      std::exchange(request_bytes_, base::Charge(shared.budgets.request_bytes, account_));
  exchange_->open(bench_.mailbox);
  exchange_->connection_ = this;
  ++shared.counters.requests;
  state_ = State::waiting;
  half_closed_ = disturbed_ = false;
  probe_ = kNever;
  try {
    shared.handler.on_request(exchange_);
  } catch (const std::exception&) {  // against the contract
    const auto answers = exchange_->take_responder();
  }
  due_ = exchange_->deadline;
  wait_for_answer();
}

/// Unless it has been given at once.
void Connection::wait_for_answer() {
  if (bench_.mailbox->take_inline(*exchange_)) return on_answer(exchange_);
  deadline_ = std::min(probe_, due_);
}

/// Nobody is there any more for the answer.
void Connection::end_exchange() {
  if (!exchange_) return;
  const auto exchange = std::exchange(exchange_, nullptr);
  if (std::exchange(exchange->connection_, nullptr) == nullptr) return;  // it was not handed on
  exchange->hang_up();
  if (streams_) {
    exchange->stream()->abandon();
    exchange->on_answered();
    return bench_.shared.handler.on_gone(*exchange);
  }
  if (exchange->answered()) return;
  bench_.shared.handler.on_gone(*exchange);
  if (due_ == kNever || exchange->answered()) return;
  try {
    bench_.orphans.emplace_back(due_, exchange);
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch) nobody waits for it anyway
  }
}

// ---- answering

void Connection::refuse(int status, std::string_view why) {
  keep_ = false;
  request_bytes_.release();
  exchange_.reset();
  answer(refusal(status, why));
}

void Connection::turn_away(std::string_view why) {
  if (state_ != State::reading && state_ != State::proxy_header) return;
  ++bench_.shared.counters.refused;
  refuse(503, why);
}

Response Connection::refusal(int status, std::string_view why) {
  Response response = bench_.shared.handler.on_refusal(status, why);
  if (status == 503) response.headers.add("Retry-After", "1");
  return response;
}

void Connection::on_answer(ExchangePtr exchange) {
  if (streams_ && exchange == exchange_) {
    if (state_ == State::streaming && !blocked_) flow();
    return;
  }
  if (state_ != State::waiting || exchange != exchange_) {
    ++bench_.shared.counters.answers_dropped;
    exchange->on_answered();
    return;
  }
  if (auto* const stream = exchange->stream()) {
    const bool has_body = !framing_.head_only && may_have_body(exchange->response_.status);
    if (!exchange->over_budget_ && has_body && is_sendable(exchange->response_))
      return begin_stream();
    stream->abandon();  // what is sent is a head, or another answer
  }
  exchange_->connection_ = nullptr;
  exchange_.reset();
  account_before_ = exchange->account;
  if (exchange->over_budget_) {
    exchange->on_answered();
    exchange.reset();
    refuse(503, "too many answers under way");
  } else {
    auto response = std::move(exchange->response_);
    auto charge = std::move(exchange->response_charge_);
    if (exchange->references_.load(std::memory_order_acquire) == 1) {  // else it is being read
      std::string().swap(exchange->body);
      exchange->charge.release();
    }
    answer(std::move(response), std::move(charge), std::move(exchange));
  }
  go_on();
}

/// @param exchange that it is of, if it is one's that was handed on
void Connection::answer(Response response, base::Charge charge, ExchangePtr exchange) {
  if (!is_sendable(response)) {
    response = Response{};
    response.status = 500;
    charge.release();
  }
  keep_ = keep_ && !response.close && bench_.shared.phase() == Shared::Phase::serving;
  bench_.head.clear();
  append_head(response, {framing_.http11, keep_, bench_.date}, bench_.head);
  if (framing_.head_only || !may_have_body(response.status)) response.body.clear();
  began_ = Clock::now();
  sent_ = taken_ = 0;
  patience_ = began_ + bench_.shared.limits.write_grace;
  answered_ = std::move(exchange);
  response_bytes_ = std::move(charge);
  if (write_out(bench_.head, response.body)) {
    on_written();
  } else if (state_ != State::gone) {
    state_ = State::writing;
    out_head_.assign(bench_.head);
    out_body_ = std::move(response.body);
    await_reader();
  }
}

void Connection::flush() {
  if (write_out(out_head_, out_body_)) {
    on_written();
    go_on();
    if (bench_.shared.phase() != Shared::Phase::serving) drain();
  } else if (state_ != State::gone) {
    await_reader();
  }
}

/// Sends from sent_ on, without waiting. @return true if all is sent; otherwise the peer is slow,
/// or gone
bool Connection::write_out(std::string_view head, std::string_view body) {
  const std::size_t total = head.size() + body.size();
  const std::size_t last = total - std::min(total, Exchange::kLastBytes);
  if (sent_ < last && !write_some(head, body, last)) return false;
  if (const auto exchange = std::exchange(answered_, nullptr)) exchange->on_answered();
  return write_some(head, body, total);
}

/// @param until which byte of both, from 0
bool Connection::write_some(std::string_view head, std::string_view body, std::size_t until) {
  body = body.substr(0, until - std::min(until, head.size()));
  while (sent_ < until) {
    const std::string_view rest_of_head = head.substr(std::min(sent_, head.size()));
    const std::string_view rest_of_body = body.substr(sent_ - std::min(sent_, head.size()));
    std::array<iovec, 2> parts{{{const_cast<char*>(rest_of_head.data()), rest_of_head.size()},
                                {const_cast<char*>(rest_of_body.data()), rest_of_body.size()}}};
    msghdr message{};
    message.msg_iov = parts.data() + (rest_of_head.empty() ? 1 : 0);
    message.msg_iovlen = static_cast<std::size_t>(!rest_of_head.empty()) +
                         static_cast<std::size_t>(!rest_of_body.empty());
    const ssize_t count = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
    if (count >= 0) {
      sent_ += static_cast<std::size_t>(count);
      untaken_ += static_cast<std::size_t>(count);
    } else if (errno != EINTR) {
      if (!would_block(errno)) {
        ++bench_.shared.counters.answers_dropped;
        state_ = State::gone;
      }
      return false;
    }
  }
  return true;
}

/// All of an answer is the kernel's. It stays in the budget until the peer has taken it, and no
/// other follows before: answers that nobody reads would else pile up there.
void Connection::on_written() {
  std::string().swap(out_head_);
  std::string().swap(out_body_);
  if (!keep_) return linger();
  if (has_taken_enough()) return on_sent();
  state_ = State::settling;
  disturbed_ = false;
  await_reader();
}

void Connection::on_sent() {
  response_bytes_.release();
  become_idle();
}

/// With requests that have come meanwhile.
void Connection::go_on() {
  if (state_ == State::reading && framer_.has_input()) more_ = true;
}

/// Whether little enough of what was sent is on its way that the next answer may follow. The kernel
/// is only asked when it may be more.
bool Connection::has_taken_enough() {
  if (untaken_ > Exchange::kLastBytes) untaken_ = unacknowledged();
  return untaken_ <= Exchange::kLastBytes;
}

/// When to look again, and whether the peer has gone on since the last look.
void Connection::await_reader() {
  const auto& limits = bench_.shared.limits;
  const auto now = Clock::now();
  const auto taken = sent_ - std::min(sent_, unacknowledged());
  if (taken > taken_) {
    taken_ = taken;
    patience_ = std::min(now + limits.write_grace, by_rate(began_, limits.write_grace, taken));
  }
  if (state_ == State::settling) response_bytes_.set(std::min(response_bytes_.amount(), untaken_));
  // Of one that sends on while it does not read there is no other sign.
  const bool soon = state_ == State::settling && (disturbed_ || framer_.has_input());
  deadline_ = std::min(patience_, now + (soon ? kLookAgain : kLookAtReader));
}

void Connection::on_time_of_reader() {
  if (state_ == State::settling && has_taken_enough()) {
    on_sent();
    go_on();
    if (!more_) read_some();
    if (bench_.shared.phase() != Shared::Phase::serving) drain();
    return;
  }
  await_reader();
  if (patience_ > Clock::now()) return;
  ++bench_.shared.counters.timeouts;
  give_up();
}

/// 100 Continue. @return false if the peer is gone
bool Connection::send_interim() {
  return ::send(fd_, kContinue.data(), kContinue.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(kContinue.size());
}

// ---- streams

/// An answer whose end is not known yet. Its exchange stays here, as that of who still works at it.
void Connection::begin_stream() {
  auto& response = exchange_->response_;
  keep_ = keep_ && framing_.http11 && !response.close &&
          bench_.shared.phase() == Shared::Phase::serving;
  out_head_.clear();
  append_head(response, {framing_.http11, keep_, bench_.date, true}, out_head_);
  response_bytes_ = std::move(exchange_->response_charge_);
  state_ = State::streaming;
  streams_ = true;
  last_ = half_closed_ = disturbed_ = false;
  sent_ = flowed_ = taken_ = 0;
  began_ = Clock::now();
  idle_by_ = began_ + bench_.shared.limits.stream_idle;
  stream_end_ = began_ + bench_.shared.limits.stream_time;
  patience_ = began_ + bench_.shared.limits.write_grace;
  hold_back(kUnsent);
  flow();
}

/// Sends what has been written, for as long as the peer takes it.
void Connection::flow() {
  auto& stream = *exchange_->stream();
  for (int i = 0; i < kBatchesPerTurn; ++i) {
    const auto total = out_head_.size() + out_body_.size();
    if (sent_ < total) {
      if (!write_some(out_head_, out_body_, total)) {
        if (state_ != State::gone) await_flow(true);
        return;
      }
      idle_by_ = Clock::now() + bench_.shared.limits.stream_idle;
    }
    if (last_) return whole_ ? end_stream() : break_stream();
    auto batch = stream.take();
    if (batch.bytes.empty() && !batch.ended) return await_flow(false);
    put_into_chunk(std::move(batch));
  }
  await_flow(false);
  stream.ring();  // others have their turn
}

/// RFC 9112, 7.1
void Connection::put_into_chunk(Stream::Batch batch) {
  flowed_ += out_head_.size() + out_body_.size();
  sent_ = 0;
  last_ = batch.ended;
  whole_ = batch.whole;
  out_head_.clear();
  out_body_ = std::move(batch.bytes);
  if (framing_.http11) {
    if (!out_body_.empty()) {
      append_hex(out_body_.size(), out_head_);
      out_head_ += "\r\n";
      out_body_ += "\r\n";
    }
    if (last_ && whole_) out_body_ += "0\r\n\r\n";
  }
  response_bytes_.set(std::max(out_body_.size(), Stream::kCharge));
  if (last_) exchange_->on_answered();
}

/// @param blocked there is something to send, but the peer has to take some of it first
void Connection::await_flow(bool blocked) {
  blocked_ = blocked;
  deadline_ = std::min(idle_by_, stream_end_);
  if (!blocked) return;
  const auto now = Clock::now();
  const auto taken = flowed_ + sent_ - std::min(flowed_ + sent_, unacknowledged());
  if (taken > taken_) {
    taken_ = taken;
    patience_ = now + bench_.shared.limits.write_grace;
  }
  deadline_ = std::min({patience_, stream_end_, now + kLookAtReader});
}

void Connection::on_time_of_stream() {
  if (blocked_) await_flow(true);
  const auto now = Clock::now();
  if (now < stream_end_ && now < (blocked_ ? patience_ : idle_by_)) return;
  ++bench_.shared.counters.timeouts;
  blocked_ ? give_up() : break_stream();
}

/// So that the peer sees that it is not all: its last chunk does not come, and to one that knows
/// no chunks the connection is reset.
void Connection::break_stream() {
  framing_.http11 ? void(state_ = State::gone) : give_up();
}

void Connection::end_stream() {
  const auto exchange = std::exchange(exchange_, nullptr);
  exchange->connection_ = nullptr;
  exchange->stream()->abandon();
  streams_ = blocked_ = false;
  hold_back(kHeldBackByDefault);
  on_written();
  go_on();
  if (bench_.shared.phase() != Shared::Phase::serving) drain();
}

/// How many bytes that cannot be sent yet the kernel takes before it says that it is full: of who
/// reads slowly it would take megabytes.
void Connection::hold_back(int bytes) const {
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes);
}

// ---- waiting and ending

void Connection::become_idle() {
  state_ = State::reading;
  deadline_ = Clock::now() + bench_.shared.limits.idle_timeout;
  under_way_ = false;
  framing_ = Framing{};
}

/// Reset, or closed in both directions.
bool Connection::has_hung_up() const {
  pollfd poll_fd{fd_, 0, 0};
  return ::poll(&poll_fd, 1, 0) > 0;
}

/// A waiting peer's FIN may mean that it went, or that it has nothing more to say and reads on. An
/// answer is owed in the second case, so the question is put to it: data to a socket that was
/// closed comes back as a reset.
void Connection::look_for_hangup() {
  disturbed_ = true;
  pollfd poll_fd{fd_, POLLRDHUP, 0};
  if (::poll(&poll_fd, 1, 0) <= 0) return;
  if ((poll_fd.revents & (POLLERR | POLLHUP)) != 0) {
    state_ = State::gone;
  } else if ((poll_fd.revents & POLLRDHUP) != 0 && !std::exchange(half_closed_, true) &&
             framing_.http11 && state_ == State::waiting) {
    probe_ = Clock::now() + kProbeDelay;
    deadline_ = std::min(deadline_, probe_);
  }
}

void Connection::linger() {
  ::shutdown(fd_, SHUT_WR);
  state_ = State::lingering;
  began_ = Clock::now();
  deadline_ = began_ + bench_.shared.limits.linger;
  framer_ = Framer(bench_.shared.limits);
  request_bytes_.release();
}

void Connection::discard_input() {
  auto& input = bench_.input;
  for (int i = 0; i < kReadsPerTurn; ++i) {
    const ssize_t count = ::recv(fd_, input.data(), input.size(), 0);
    if (count < 0 && (errno == EINTR || would_block(errno))) return;
    if (count <= 0) {
      state_ = State::gone;
      return;
    }
  }
}

void Connection::drain() {
  if (state_ == State::reading && !more_) read_some();
  const bool idle = state_ == State::reading && !more_ && !framer_.started();
  if (idle || state_ == State::proxy_header) state_ = State::gone;
}

bool Connection::gives_way() const {
  switch (state_) {
    case State::reading:
      return framer_.started() ? framer_.in_body() && request_bytes_.gives_way()
                               : place_.gives_way();
    case State::writing:
    case State::streaming:
    case State::settling:
    case State::lingering:
      return response_bytes_.gives_way();
    case State::proxy_header:
    case State::waiting:
    case State::gone:
      break;
  }
  return false;
}

void Connection::make_way() {
  ++bench_.shared.counters.gave_way;
  if (state_ == State::reading && framer_.started()) {
    refuse(503, "callers who hold less come first");
  } else {
    give_up();
  }
}

void Connection::on_deadline() {
  auto& counters = bench_.shared.counters;
  switch (state_) {
    case State::reading:
      if (!framer_.started()) {
        give_up();
      } else if (early_) {
        keep_ = false;
        answer(std::move(*std::exchange(early_, std::nullopt)));
      } else {
        ++counters.timeouts;
        refuse(408, "request too slow");
      }
      break;
    case State::waiting:
      on_deadline_of_answer();
      break;
    case State::lingering:
      deadline_ = Clock::now() + bench_.shared.limits.linger;
      if (unacknowledged() == 0 || Clock::now() > began_ + bench_.shared.limits.write_grace)
        give_up();
      break;
    case State::writing:
    case State::settling:
      on_time_of_reader();
      break;
    case State::streaming:
      on_time_of_stream();
      break;
    case State::proxy_header:
      ++counters.timeouts;
      give_up();
      break;
    case State::gone:
      break;
  }
}

void Connection::on_deadline_of_answer() {
  const auto now = Clock::now();
  if (probe_ <= now) {
    probe_ = kNever;
    if (!send_interim()) {
      state_ = State::gone;
      return;
    }
  }
  if (due_ <= now) {
    due_ = kNever;
    if (!exchange_->answered()) bench_.shared.handler.on_deadline(*exchange_);
  }
  wait_for_answer();
}

/// Bytes that the peer never takes would otherwise stay in the kernel's memory for minutes after
/// the close.
void Connection::give_up() {
  if (state_ == State::writing || state_ == State::streaming || unacknowledged() != 0) {
    const struct linger reset{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  state_ = State::gone;
}

/// Bytes sent that the peer's system has not said to have.
std::size_t Connection::unacknowledged() const {
  int bytes = 0;
  return ::ioctl(fd_, SIOCOUTQ, &bytes) == 0 && bytes > 0 ? static_cast<std::size_t>(bytes) : 0;
}

/// When a peer that has done so many bytes since `begin` falls behind the lowest rate.
Clock::time_point Connection::by_rate(Clock::time_point begin, std::chrono::milliseconds grace,
                                      std::uint64_t done) const {
  return begin + grace + std::chrono::milliseconds(1'000 * done / bench_.shared.limits.min_rate);
}

}  // namespace dojo::net
