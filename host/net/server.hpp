// HTTP/1.1 on Pistache's reactor: accept, framing, time limits, budgets, answers. Knows nothing of
// dojo. Why Pistache's own HTTP path is not used, and what is: docs/decisions/pistache.md.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dojo/result.hpp>

#include "base/address.hpp"
#include "base/budget.hpp"
#include "net/exchange.hpp"

namespace dojo::net {

/// What a peer may use. Every limit is on by default; deadlines are kept to 0.05 s. A peer that
/// must keep to `min_rate` is given up as soon as it has fallen behind it by the grace: what counts
/// is what has come or gone so far, not what was announced.
struct Limits {
  std::size_t max_connections = 20'000;
  /// Per IPv4 address or IPv6 /64, as seen or as a trusted proxy says.
  std::size_t max_connections_per_ip = 1'000;
  std::size_t max_requests_per_connection = 100'000;  ///< the answer to the last one closes it
  std::size_t max_head = 32 << 10;                    ///< bytes of all headers; 60 KiB at most
  std::size_t max_target = 8 << 10;                   ///< bytes
  std::size_t max_headers = 100;                      ///< fields
  std::size_t max_body = std::size_t{16} << 20;       ///< bytes of one body as sent
  /// Bytes of all unfinished requests, and of those whose answer is due.
  std::size_t max_request_bytes = std::size_t{512} << 20;
  /// Bytes of all answers' bodies that their peers have not acknowledged, but for the last 64 KiB
  /// of each.
  std::size_t max_response_bytes = std::size_t{512} << 20;
  std::chrono::milliseconds head_timeout{5'000};   ///< from a head's first byte to its last
  std::chrono::milliseconds idle_timeout{30'000};  ///< between requests, and before the first
  std::chrono::milliseconds body_grace{10'000};    ///< how far a body may lag
  /// How far the reading of an answer may lag, and how long it may pause. What the peer's system
  /// has acknowledged counts as read; it is asked every second.
  std::chrono::milliseconds write_grace{10'000};
  std::chrono::milliseconds stream_idle{30'000};   ///< between two pieces of a streamed answer
  std::chrono::milliseconds stream_time{600'000};  ///< from a streamed answer's head to its end
  std::chrono::milliseconds linger{1'000};         ///< reading on after an answer that closes
  std::size_t min_rate = 32 << 10;                 ///< bytes per second
};

struct Options {
  /// IPv4, or IPv6 in brackets or bare; `::` serves both families.
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  ///< 0: any free one, see Server::port()
  unsigned threads = 0;    ///< reactor threads; 0: one per core
  int backlog = 4'096;
  /// Addresses or CIDR blocks of proxies. They are believed who called: by a PROXY protocol header
  /// that a connection may begin with, or by `Forwarded` or `X-Forwarded-For` of each request.
  std::vector<std::string> proxies;
  Limits limits;
};

/// What the server calls, on reactor threads, several at once. The calls must neither block nor
/// throw, nor drain, stop or destroy the server.
class Handler {
 public:
  virtual ~Handler() = default;
  /// Asked of each connection once its caller is known, if that is before its first request.
  /// @return false to close it without a word, and without having read anything from it
  virtual bool welcomes(const base::IpAddress& /*caller*/) { return true; }
  /// An exchange for a request whose head is whole.
  virtual ExchangePtr make() { return ExchangePtr(new Exchange); }
  /// The head is whole; nothing of the body has been kept yet. An answer here refuses the request
  /// before its body costs memory. A body of up to 64 KiB is read and thrown away then; if it is
  /// longer, chunked or waits for 100 Continue, the connection closes after the answer.
  virtual std::optional<Response> on_head(Exchange& exchange) = 0;
  /// The request is whole. Somebody has to take its responder and answer, now or later, from any
  /// thread.
  virtual void on_request(ExchangePtr exchange) = 0;
  /// Its deadline has passed, and nobody has answered. Answer here, or never.
  virtual void on_deadline(Exchange& /*exchange*/) {}
  /// Whoever sent it is gone(); told once, to who has not answered, or not to the end.
  virtual void on_gone(Exchange& /*exchange*/) {}
  /// The answer for what never becomes a request. To a 503 the server adds Retry-After.
  /// @param status 400, 408, 413, 414, 417, 431, 501, 503 or 505
  /// @param why a short fixed text
  virtual Response on_refusal(int status, std::string_view why) = 0;
  /// A proxy has sent a request without saying who called it: neither by a PROXY header nor in the
  /// request's head. Told at least once a connection.
  virtual void on_unnamed_caller(const base::IpAddress& /*proxy*/) {}
  /// Connections cannot be accepted, for want of descriptors or memory. They are as soon as they
  /// can be; until then this is said several times a second.
  virtual void on_shortage(std::string_view /*why*/) {}
};

/// Counts since the start, and some of the present; read from any thread.
struct Counters {
  std::atomic<std::uint64_t> accepted{0};         ///< connections
  std::atomic<std::uint64_t> refused{0};          ///< connections turned away by a limit
  std::atomic<std::uint64_t> shut_out{0};         ///< connections that Handler did not welcome
  std::atomic<std::uint64_t> open{0};             ///< connections now
  std::atomic<std::uint64_t> requests{0};         ///< whole requests handed on
  std::atomic<std::uint64_t> malformed{0};        ///< framing errors answered; bad PROXY headers
  std::atomic<std::uint64_t> timeouts{0};         ///< peers given up on: too slow
  std::atomic<std::uint64_t> gave_way{0};         ///< peers given up on: their callers held most
  std::atomic<std::uint64_t> answers_dropped{0};  ///< answers whose peer was gone, or went
  std::atomic<std::uint64_t> events{0};           ///< descriptors found ready, sweeps' timers aside
  std::atomic<std::uint64_t> sweeps{0};           ///< looks for what is overdue, of all threads
};

/// What of the Limits all callers share.
struct Budgets {
  explicit Budgets(const Limits& limits)
      : connections(base::Resource::connections, limits.max_connections),
        request_bytes(base::Resource::request_bytes, limits.max_request_bytes),
        response_bytes(base::Resource::response_bytes, limits.max_response_bytes) {}
  base::Budget connections;
  base::Budget request_bytes;
  base::Budget response_bytes;
};

class Server {
 public:
  /// Binds; before start() callers are refused by the kernel. @return an error that names address
  /// and reason if it cannot. `handler` must outlive the server.
  static Result<std::unique_ptr<Server>> create(const Options& options, Handler& handler);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] const Counters& counters() const;
  [[nodiscard]] const Budgets& budgets() const;

  /// Listens, and starts the reactor threads. @return an error if the port has been taken since
  Status start();
  /// Stops accepting, closes idle connections, answers what is under way with `Connection: close`;
  /// returns when no connection is left or after `limit`. What has reached this machine by then is
  /// answered, accepted or not. May be called again. @return true if none was left
  bool drain(std::chrono::milliseconds limit);
  /// Closes everything at once and joins the threads. Called by the destructor too.
  void stop();

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace dojo::net
