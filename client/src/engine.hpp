// The client's I/O thread: takes requests, gives each a connection when one is free, signs and
// sends its attempts, waits between them, and passes each on to the courier, exactly once. Nothing
// that goes wrong on the way ends more than the call that it happens to.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <queue>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <curl/curl.h>

#include <dojo/client/options.hpp>
#include <dojo/client/response.hpp>
#include <dojo/wire/keypair.hpp>

#include "call.hpp"
#include "courier.hpp"
#include "exchange.hpp"
#include "sessions.hpp"
#include "signing.hpp"

namespace dojo::detail {

class Engine {
 public:
  /// @throws std::runtime_error if libcurl cannot start, or there is no thread to be had.
  Engine(wire::Keypair key, ClientOptions options);

  /// Cancels and delivers what is left, and waits for the threads.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Takes a list of one call. Any thread. Its `deliver` never runs inside of this function.
  void submit(Calls call) noexcept;

  /// Any thread. @param note the call's id.
  void request_cancel(std::list<CallId>& note) noexcept;

  /// There is room again for a stream. Any thread. @return false if there is no memory to say so
  bool request_more(CallId id) noexcept;

  [[nodiscard]] const ClientOptions& options() const { return options_; }
  /// Who signs.
  [[nodiscard]] const wire::PublicKey& key() const { return key_.public_key(); }
  /// Whether this is the thread that answers are delivered on.
  [[nodiscard]] bool on_own_thread() const { return courier_.on_own_thread(); }

 private:
  /// One scheme, host and port. Calls are named by id: one that was cancelled is no longer known.
  struct Host {
    std::size_t active = 0;
    std::deque<CallId> waiting;
    bool listed = false;                // among those with work
    Host* next = nullptr;               // of those
    const std::string* name = nullptr;  // its key in hosts_
  };

  struct Wakeup {
    Clock::time_point when;
    CallId id;
    bool operator>(const Wakeup& other) const { return when > other.when; }
  };

  void wake() noexcept;

  // All that follows is for the I/O thread.
  void run() noexcept;
  [[nodiscard]] bool take_commands();
  void drive();
  void wait();
  [[nodiscard]] int poll_timeout() const;

  template <class Step>
  void attempt(Call& call, Step step) noexcept;
  void accept(Calls one);
  void introduce(Call& call);
  void go_on(CallId id);
  void cancel(CallId id, std::string_view why);
  void cancel_everything();
  void enqueue(Call& call);
  void list(Host& host);
  void start_what_may();
  void start(Call& call);
  [[nodiscard]] bool begins_with_preflight(const Call& call) const;
  void launch(Call& call, bool preflight, bool fresh_connection);
  void collect();
  void fail_what_is_under_way(std::string_view why);
  void conclude(Call& call, CURLcode code);
  void try_again(Call& call, std::chrono::seconds retry_after);
  void wake_sleepers();
  void release(Call& call);
  void take_back(Call& call);
  void finish(Call& call, std::optional<SendError> failure = {});
  [[nodiscard]] bool may_try_again(const Call& call) const;
  [[nodiscard]] HeaderList proven_headers(Call& call);
  [[nodiscard]] bool may_go_on_a_session(const Call& call) const;
  void ask_for_session(const Call& call) noexcept;
  [[nodiscard]] static bool lost_its_session(const Call& call);
  void sign_instead(Call& call);

  const wire::Keypair key_;
  const std::string address_;
  const ClientOptions options_;
  Sessions sessions_;  // outlives the courier, which hands over what comes of asking for one

  std::mutex mutex_;
  Calls submitted_;              // mutex_
  std::list<CallId> cancelled_;  // mutex_
  std::vector<CallId> wanted_;   // mutex_; streams
  bool stopping_ = false;        // mutex_
  bool closed_ = false;          // mutex_; the I/O thread takes no more

  // The I/O thread's alone, once it runs. The handles go before the multi handle that they use.
  std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)> multi_;
  std::vector<std::unique_ptr<Exchange>> spare_;
  Calls calls_;
  std::unordered_map<CallId, Calls::iterator> by_id_;
  std::unordered_map<std::string, Host> hosts_;
  Host* first_with_work_ = nullptr;
  Host* last_with_work_ = nullptr;
  std::priority_queue<Wakeup, std::vector<Wakeup>, std::greater<>> sleepers_;
  std::size_t active_ = 0;
  CallId next_id_ = 1;
  std::mt19937_64 random_{std::random_device{}()};

  Courier courier_;
  std::thread thread_;
};

}  // namespace dojo::detail
