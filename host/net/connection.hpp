// One peer's connection: its state, its deadlines, its requests and answers. Knows sockets, but no
// reactor: after each call the reactor reads from it what to wait for next.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/address.hpp"
#include "base/budget.hpp"
#include "net/exchange.hpp"
#include "net/framing.hpp"
#include "net/mailbox.hpp"
#include "net/proxy_protocol.hpp"
#include "net/server.hpp"
#include "net/shared.hpp"

namespace dojo::net {

using Clock = Exchange::Clock;

/// Connections beyond the limit: of those who are told so, or whose callers are not known yet.
inline constexpr std::uint64_t kTurnedAwayAtOnce = 1'024;

/// What the connections of one reactor share. The reactor's thread alone uses it.
struct Workbench {
  explicit Workbench(const std::shared_ptr<Mailbox>& its_mailbox)
      : mailbox(its_mailbox), shared(its_mailbox->shared()) {}

  const std::shared_ptr<Mailbox> mailbox;
  Shared& shared;
  std::array<char, 64 << 10> input{};  ///< what recv() has just given; empty between calls
  std::string head;                    ///< the head of the answer that is being sent
  std::string date;                    ///< for the Date header, refreshed every sweep
  /// Whose connections have gone and who may still be worked for, with their deadlines.
  std::vector<std::pair<Clock::time_point, ExchangePtr>> orphans{};
};

/// All calls come on the reactor's thread. The reactor closes the descriptor, once gone().
class Connection {
 public:
  enum class Interest {
    nothing,  ///< errors alone
    hangup,   ///< the peer's FIN too
    read,
    write,
  };
  static constexpr Clock::time_point kNever = Clock::time_point::max();

  /// @param peer a number that no other connection of the process has
  /// @param proxied true if it is a proxy, which may say by a PROXY header who calls
  Connection(int fd, std::size_t peer, const base::IpAddress& address, bool proxied,
             Workbench& bench);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Once, before anything else.
  void begin();
  /// The descriptor is ready for something, or may be.
  void on_event();
  /// @param exchange that has been answered; let go of before the answer is sent, so that whoever
  /// has read it finds the request's memory free
  void on_answer(ExchangePtr exchange);
  void on_deadline();
  /// Goes on with requests that were left for a later turn.
  void resume();
  /// Answers 503 and closes.
  void turn_away(std::string_view why);
  /// Reads what has come, then closes if there is no request under way.
  void drain();
  /// Whether something that it holds is wanted back from its caller, who holds most of it.
  [[nodiscard]] bool gives_way() const;
  /// Gives it back: what comes is refused, what is not read is let go.
  void make_way();

  [[nodiscard]] bool gone() const { return state_ == State::gone; }
  [[nodiscard]] Interest interest() const;
  [[nodiscard]] Clock::time_point deadline() const { return deadline_; }
  [[nodiscard]] bool wants_turn() const { return state_ == State::reading && more_; }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] std::size_t peer() const { return peer_; }

 private:
  enum class State {
    proxy_header,  // a PROXY header is not whole, or may still come
    reading,       // waits for a request, or reads one
    waiting,       // a request is with the handler
    writing,       // an answer is not yet sent
    streaming,     // a part of an answer is not yet sent, or not yet written
    settling,      // it is, and the peer has to take more of it before the next request counts
    lingering,     // the last answer is sent; reads on, so that no reset overtakes it
    gone,
  };

  void read_some();
  void take_in(std::string_view bytes);
  void read_proxy_header(std::string_view& bytes);
  void identify(const base::IpAddress& address);
  [[nodiscard]] bool name_caller();
  void advance(std::string_view bytes);
  void on_need_more();
  void on_head(bool body_is_here);
  void on_request();
  void dispatch(std::string body);
  void wait_for_answer();
  void on_deadline_of_answer();
  void end_exchange();
  void refuse(int status, std::string_view why);

  void answer(Response response, base::Charge charge = {}, ExchangePtr exchange = {});
  Response refusal(int status, std::string_view why);
  void flush();
  bool write_out(std::string_view head, std::string_view body);
  bool write_some(std::string_view head, std::string_view body, std::size_t until);
  void await_reader();
  void on_time_of_reader();
  void on_written();
  void on_sent();
  void go_on();
  bool send_interim();

  void begin_stream();
  void flow();
  void put_into_chunk(Stream::Batch batch);
  void await_flow(bool blocked);
  void on_time_of_stream();
  void break_stream();
  void end_stream();
  void hold_back(int bytes) const;

  [[nodiscard]] bool has_hung_up() const;
  void look_for_hangup();
  void discard_input();
  void linger();
  void become_idle();
  void give_up();
  [[nodiscard]] bool has_taken_enough();
  [[nodiscard]] std::size_t unacknowledged() const;
  [[nodiscard]] Clock::time_point by_rate(Clock::time_point begin, std::chrono::milliseconds grace,
                                          std::uint64_t done) const;

  Workbench& bench_;
  const int fd_;
  const std::size_t peer_;
  State state_ = State::reading;
  Clock::time_point deadline_ = kNever;
  std::optional<ProxyHeader> proxy_;
  base::IpAddress address_;
  std::string address_text_;
  bool is_proxy_ = false;            // address_ is a proxy's, and each head says who calls
  bool introduced_ = false;          // a PROXY header has come
  base::AccountPtr account_;         // address_'s
  base::AccountPtr account_before_;  // of the last request's signer, if its head told
  base::Charge place_;               // among the connections

  Framer framer_;
  base::Charge request_bytes_;
  std::size_t requests_ = 0;   // whose heads have come
  Clock::time_point began_{};  // when the head, the body, the answer or the lingering did
  bool under_way_ = false;     // a request has begun
  bool body_under_way_ = false;
  bool more_ = false;              // kept input awaits a later turn
  std::optional<Response> early_;  // on_head()'s answer, while a small body is read and thrown away

  ExchangePtr exchange_;              // of the request that comes or waits
  Framing framing_;                   // of the last request
  bool keep_ = true;                  // the connection outlives its answer
  bool half_closed_ = false;          // the peer's FIN was seen while it waits
  Clock::time_point due_ = kNever;    // when the answer is
  Clock::time_point probe_ = kNever;  // when to ask whether it still reads
  bool disturbed_ = false;            // something came from the peer while it waits

  std::string out_head_;  // what flush() still has to send, from sent_ on
  std::string out_body_;
  std::size_t sent_ = 0;
  ExchangePtr answered_;  // its exchange, until on_answered()
  base::Charge response_bytes_;
  std::size_t untaken_ = 0;  // of all answers, bytes that the peer may not have acknowledged
  std::size_t taken_ = 0;    // of this answer, bytes that it has
  Clock::time_point patience_ = kNever;  // when it has to have taken more

  bool streams_ = false;            // exchange_'s answer, which has begun
  bool blocked_ = false;            // the peer has to take some of it first
  bool last_ = false;               // what is being sent is the end of it
  bool whole_ = false;              // and then it was all
  std::size_t flowed_ = 0;          // bytes of it, before those that are being sent
  Clock::time_point idle_by_{};     // when more of it has to have been written
  Clock::time_point stream_end_{};  // when it has to be over
};

}  // namespace dojo::net
