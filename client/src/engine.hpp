// The client's thread: takes requests, gives each a connection when one is free, signs and sends
// its attempts, waits between them, and delivers one answer for each, exactly once.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <queue>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <curl/curl.h>

#include <dojo/client/options.hpp>
#include <dojo/client/response.hpp>
#include <dojo/wire/keypair.hpp>

#include "exchange.hpp"
#include "payload.hpp"
#include "target.hpp"

namespace dojo::detail {

using Deliver = std::function<void(StdResponse<RawJson>&&)>;

/// A request as it is handed over.
struct Submission {
  Target target;
  PayloadPtr payload;
  SendOptions options;
  std::optional<SendError> rejected;  ///< known to be wrong already: delivered, never sent
  Deliver deliver;                    ///< called once, on the engine's thread
};

class Engine {
 public:
  /// @throws std::runtime_error if libcurl cannot start.
  Engine(wire::Keypair key, ClientOptions options);

  /// Cancels and delivers what is left, and waits for the thread.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Any thread. `deliver` never runs inside of this call.
  void submit(Submission submission);

  [[nodiscard]] const ClientOptions& options() const { return options_; }
  [[nodiscard]] bool on_own_thread() const {
    return std::this_thread::get_id() == thread_.get_id();
  }

 private:
  using Clock = std::chrono::steady_clock;
  using CallId = std::uint64_t;

  struct StopRequest {
    Engine* engine;
    CallId id;
    void operator()() const { engine->request_cancel(id); }
  };

  struct Call {
    CallId id = 0;
    Submission request;
    ClientResponse http;  // of the last exchange; timings and sizes are summed up in it
    Clock::time_point accepted;
    Clock::time_point waiting_since;
    Clock::time_point deadline;  // of the attempt
    bool in_preflight = false;
    std::unique_ptr<Exchange> exchange;  // while on its way
    std::optional<std::stop_callback<StopRequest>> on_stop;
  };

  /// One scheme, host and port. Calls are named by id: one that was cancelled is no longer known.
  struct Host {
    std::size_t active = 0;
    std::deque<CallId> waiting;
    bool listed = false;  // in hosts_with_work_
  };

  struct Wakeup {
    Clock::time_point when;
    CallId id;
    bool operator>(const Wakeup& other) const { return when > other.when; }
  };

  // Any thread.
  void request_cancel(CallId id);
  void wake();

  // The engine's thread.
  void run();
  [[nodiscard]] bool take_commands();
  [[nodiscard]] int poll_timeout() const;
  void accept(Submission submission);
  void cancel(CallId id, std::string_view why);
  void cancel_everything();
  void enqueue(Call& call);
  void list(const std::string& name, Host& host);
  void start_what_may();
  void start(Call& call);
  void launch(Call& call, bool preflight);
  void collect();
  void conclude(Call& call, CURLcode code);
  void after_preflight(Call& call);
  void try_again(Call& call, std::chrono::seconds retry_after);
  void wake_sleepers();
  void release(Call& call);
  void finish(CallId id, StdResponse<RawJson> response);
  [[nodiscard]] bool may_try_again(const Call& call) const;
  [[nodiscard]] wire::Dialect dialect(const Call& call) const;

  const wire::Keypair key_;
  const std::string address_;
  const ClientOptions options_;

  std::mutex mutex_;
  std::vector<Submission> submitted_;  // mutex_
  std::vector<CallId> cancelled_;      // mutex_
  bool stopping_ = false;              // mutex_

  // The engine's thread alone, once it runs. The handles go before the multi handle that they use.
  std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)> multi_;
  std::vector<std::unique_ptr<Exchange>> spare_;
  std::unordered_map<CallId, std::unique_ptr<Call>> calls_;
  std::unordered_map<std::string, Host> hosts_;
  std::deque<std::string> hosts_with_work_;
  std::priority_queue<Wakeup, std::vector<Wakeup>, std::greater<>> sleepers_;
  std::size_t active_ = 0;
  CallId next_id_ = 1;
  std::mt19937_64 random_{std::random_device{}()};

  std::thread thread_;
};

}  // namespace dojo::detail
