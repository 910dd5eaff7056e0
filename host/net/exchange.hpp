// One request and its answer: one object, from the last byte of the head to the last byte of the
// answer.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <boost/intrusive/list_hook.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>

#include "base/address.hpp"
#include "base/budget.hpp"
#include "net/head.hpp"
#include "net/stream.hpp"

namespace dojo::net {

class Connection;
class Exchange;
class Responder;
class Transport;

/// Counted: whoever has one may use the exchange, from whatever thread.
using ExchangePtr = boost::intrusive_ptr<Exchange>;

/// Header fields of an answer, as they go onto the wire. Those that decide where a message ends are
/// the server's alone: Connection, Content-Length, Date and Transfer-Encoding are left out.
class HeaderLines {
 public:
  void add(std::string_view name, std::string_view value);
  [[nodiscard]] std::string_view text() const { return text_; }
  /// False if a name was no token or a value had a control character, with which it could have
  /// ended the head and begun an answer of its own.
  [[nodiscard]] bool sound() const { return sound_; }

 private:
  std::string text_;
  bool sound_ = true;
};

/// A status that is not 200 to 599, or a header that is not sound, becomes a 500.
struct Response {
  int status = 200;
  HeaderLines headers;
  std::string body;    ///< not sent for HEAD, but counted in Content-Length
  bool close = false;  ///< end the connection after it
};

/// Where answers are taken to the one who waits. Any thread.
class Outlet {
 public:
  virtual ~Outlet() = default;
  /// Must not need memory. @param exchange whose response() is ready
  virtual void post(ExchangePtr exchange) noexcept = 0;
  /// There is more of its stream to send. Not again before Stream::heard().
  virtual void ring(ExchangePtr exchange) noexcept = 0;
};

/// The request is written by the reactor, and by the handler in on_head() and on_request(); after
/// that by whoever the handler gives it to, one thread at a time. What is about its end may be
/// asked by any thread. A handler derives its own from it.
class Exchange : public boost::intrusive::list_base_hook<> {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr Clock::time_point kNever = Clock::time_point::max();
  static constexpr std::size_t kLastBytes = 64 << 10;

  Exchange() = default;
  virtual ~Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

 private:
  std::shared_ptr<Outlet> outlet_;  // first, as it keeps what is charged

 public:
  Head head;
  /// As sent, chunks joined; kBodySlack more bytes fit behind it without moving it.
  std::string body;
  base::IpAddress address;  ///< the caller's, as seen or as a trusted proxy says; else the proxy's
  std::string peer;         ///< the same as text, without port; an IPv4 one never as ::ffff:…
  /// When Handler::on_deadline() is to be called if it has not been answered, to 0.05 s. For
  /// on_request() to set.
  Clock::time_point deadline = kNever;
  /// Whose it is, for the budgets: the address's, until on_head() has a hotkey proven.
  base::AccountPtr account;
  /// That of the request before on this connection, which may be the same one's; may be null.
  base::AccountPtr account_before;
  /// What head and body take of the budget for all requests.
  base::Charge charge;

  /// The right to answer. @return one that holds nothing if somebody has taken it before
  Responder take_responder() noexcept;
  [[nodiscard]] bool answered() const { return (flags_.load() & kAnswered) != 0; }
  /// True once it is certain that nobody will read the answer: the connection was reset, or has
  /// ended with the server. A FIN alone is no proof, since a peer may end its sending and wait (`nc
  /// -N`), and is owed its answer. So half a second after it an HTTP/1.1 peer is sent `100
  /// Continue`, which clients must pass over (RFC 9110, 15.2): a socket that was closed resets, one
  /// that was half closed does not. Of HTTP/1.0 peers, which know no such answers, only a reset
  /// tells.
  [[nodiscard]] bool gone() const { return (flags_.load() & kGone) != 0; }

  /// For who holds the connection: where the answer is to go, that nobody waits for it any more,
  /// and the answer once it has been posted.
  void open(std::shared_ptr<Outlet> outlet) { outlet_ = std::move(outlet); }
  void hang_up() { flags_.fetch_or(kGone); }
  /// Called by the reactor before it sends the last kLastBytes of the answer, so that its caller
  /// finds free what was its; or once nobody waits for it.
  virtual void on_answered() noexcept {}
  [[nodiscard]] Response& response() { return response_; }

  /// Makes a stream of its answer: the response's head is sent, and behind it what is written
  /// there. By who has the right to answer, before it answers.
  Stream& begin_stream() { return *(stream_ = std::make_unique<Stream>(*this)); }
  /// Null if its answer is none. For who has begun it, and for who has got the answer.
  [[nodiscard]] Stream* stream() const { return stream_.get(); }
  /// There is room in the stream for who was told that it is full; or nobody reads it any more.
  virtual void on_room() noexcept {}

 private:
  friend class Connection;
  friend class Mailbox;
  friend class Responder;
  friend class Stream;
  friend class Transport;
  void ring() { outlet_->ring(ExchangePtr(this)); }
  friend void intrusive_ptr_add_ref(Exchange* exchange) noexcept {
    exchange->references_.fetch_add(1, std::memory_order_relaxed);
  }
  friend void intrusive_ptr_release(Exchange* exchange) noexcept {
    if (exchange->references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    const std::unique_ptr<Exchange> last(exchange);
  }

  static constexpr std::uint8_t kAnswered = 1;
  static constexpr std::uint8_t kGone = 2;

  std::atomic<std::uint32_t> references_{0};
  std::atomic<std::uint8_t> flags_{0};
  Response response_;                 // written by who has the right to answer, before it is posted
  base::Charge response_charge_;      // the mailbox's, of the bytes waiting to be sent
  bool over_budget_ = false;          // likewise: the response was let go, there was no room for it
  std::unique_ptr<Stream> stream_;    // likewise: it follows the response
  bool inline_ = false;               // given on the reactor's own thread
  Connection* connection_ = nullptr;  // that waits; the reactor's
};

/// The right to answer one exchange, which there is once. Move-only. Any thread, also after the
/// peer has gone or the server has stopped: the answer is then dropped, and never reaches another
/// peer.
class Responder {
 public:
  Responder() = default;
  Responder(Responder&&) noexcept = default;
  Responder& operator=(Responder&& other) noexcept;
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;
  /// One that goes without an answer answers 500, so that no peer waits for ever.
  ~Responder();

  explicit operator bool() const { return exchange_ != nullptr; }
  /// Answers. Needs no memory. Holds nothing afterwards.
  void send(Response response) noexcept;

 private:
  friend class Exchange;
  explicit Responder(ExchangePtr exchange) : exchange_(std::move(exchange)) {}
  ExchangePtr exchange_;
};

}  // namespace dojo::net
