// Honest callers, and what a host makes of them.
//   attack_honest --addresses --keys N            prints the callers' hotkeys, one a line
//   attack_honest --port P --to HOTKEY --rate R --seconds S …   open loop: as many as the rate
//   says,
//                                                 whatever the host does
//   attack_honest --port P --to HOTKEY --at-once N …   closed loop: so many under way all the time
// An open loop's latency is counted from the time at which a request was due, so that a host that
// stalls is charged for all who had to wait. Prints one JSON object.
#include <deque>
#include <optional>

#include <CLI/CLI.hpp>
#include <sys/prctl.h>

#include <dojo/wire/ss58.hpp>

#include "caller.hpp"
#include "swarm.hpp"
#include "tally.hpp"

namespace {

using namespace dojo;
using namespace dojo::attacks;
using std::chrono::microseconds;

constexpr std::size_t kAhead = 16;         // requests signed before they are due
constexpr std::size_t kMostPerCaller = 8;  // connections
constexpr microseconds kSigning{100};      // more than signing one takes

struct Options {
  std::uint16_t port = 0;
  std::string to;
  std::string group = "honest";
  std::string dialects = "legacy,dojo/1";
  std::string source = "127.0.0.1";
  std::size_t sources = 1;
  std::size_t keys = 64;
  double rate = 0;
  std::size_t at_once = 0;
  double seconds = 5;
  std::uint64_t count = UINT64_MAX;
  double skew_s = 0;
  double patience_s = 10;
  bool addresses = false;
};

Clock::duration seconds(double count) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(count));
}

class Load : Swarm::Owner {
 public:
  Load(const Options& options, const wire::PublicKey& to)
      : options_(options),
        to_(to),
        callers_(callers_of(options.group, options.keys, parse_speeches(options.dialects),
                            std::chrono::milliseconds(std::int64_t(options.skew_s * 1e3)))),
        bodies_(echo_bodies(32)),
        sources_(options.source, options.sources),
        own_(callers_.size()),
        swarm_(*this, options.port, seconds(options.patience_s)) {}

  void run() {
    begin_ = Clock::now();
    end_ = begin_ + seconds(options_.seconds);
    options_.at_once > 0 ? closed_loop() : open_loop();
    // What is under way is waited for; what waits for a connection as well.
    const auto last = Clock::now() + seconds(options_.patience_s);
    while (Clock::now() < last && open_requests_ > 0) {
      swarm_.run(Clock::now() + std::chrono::milliseconds(5));
    }
    took_ = Clock::now() - begin_;
  }

  std::string report() {
    const auto elapsed = std::chrono::duration<double>(took_).count();
    const auto ok = tally_.codes["ok"];
    return fmt::format(
        R"({{{},"ok":{},"unanswered":{},"seconds":{:.3f},"ok_per_s":{:.1f},"p50_us":{},"p90_us":{},"p99_us":{},"p999_us":{},"max_us":{},"late_us":{}}})",
        tally_.json(), ok, open_requests_, elapsed, static_cast<double>(ok) / elapsed,
        quantile(latencies_, 0.5), quantile(latencies_, 0.9), quantile(latencies_, 0.99),
        quantile(latencies_, 0.999), quantile(latencies_, 1), quantile(lateness_, 0.99));
  }

 private:
  struct Request {
    std::size_t caller = 0;
    std::string bytes;
    Clock::time_point due;
  };
  struct Own {  // one caller's
    std::vector<std::size_t> idle{};
    std::deque<Request> waiting{};
    std::size_t connections = 0;
  };
  struct Link {  // one connection's
    std::size_t caller = 0;
    Clock::time_point due;
  };

  void open_loop() {
    std::deque<Request> ahead;
    const auto due = [this](std::uint64_t place) {
      return begin_ + seconds(static_cast<double>(place) / options_.rate);
    };
    std::uint64_t made = 0;
    while (tally_.sent < options_.count && due(tally_.sent) < end_) {
      while (ahead.size() < kAhead &&
             (ahead.empty() || ahead.front().due > Clock::now() + kSigning)) {
        ahead.push_back(next_request());
        ahead.back().due = due(made++);
      }
      if (const auto now = Clock::now(); now < ahead.front().due) {
        swarm_.run(ahead.front().due);
        continue;
      }
      lateness_.push_back(since(ahead.front().due));
      start(std::move(ahead.front()));
      ahead.pop_front();
      if (ahead.empty()) swarm_.run(Clock::now());
    }
  }

  void closed_loop() {
    while (Clock::now() < end_ && tally_.sent < options_.count) {
      while (open_requests_ < options_.at_once && tally_.sent < options_.count) {
        auto request = next_request();
        request.due = Clock::now();
        start(std::move(request));
      }
      swarm_.step(end_);
    }
  }

  Request next_request() {
    const auto place = made_++;
    const auto caller = place % callers_.size();
    const auto& body = bodies_[place / callers_.size() % bodies_.size()];
    return {caller, post_echo(callers_[caller].sign("POST", "/Echo", to_, body), body.bytes), {}};
  }

  void start(Request request) {
    ++tally_.sent;
    ++open_requests_;
    auto& own = own_[request.caller];
    if (!own.idle.empty()) {
      const auto connection = own.idle.back();
      own.idle.pop_back();
      ask(connection, std::move(request));
      return;
    }
    const auto caller = request.caller;
    own.waiting.push_back(std::move(request));
    if (own.connections < kMostPerCaller) connect(caller);
  }

  void connect(std::size_t caller) {
    const auto connection = swarm_.open(sources_.of(caller));
    if (links_.size() <= connection) links_.resize(connection + 1);
    links_[connection] = {caller, {}};
    ++own_[caller].connections;
  }

  void ask(std::size_t connection, Request request) {
    links_[connection].due = request.due;
    swarm_.ask(connection, std::move(request.bytes));
  }

  void on_ready(std::size_t connection) override {
    auto& own = own_[links_[connection].caller];
    if (own.waiting.empty()) {
      own.idle.push_back(connection);
      return;
    }
    auto request = std::move(own.waiting.front());
    own.waiting.pop_front();
    ask(connection, std::move(request));
  }

  void on_answer(std::size_t connection, const Answer& answer) override {
    --open_requests_;
    tally_.answer(answer);
    latencies_.push_back(since(links_[connection].due));
  }

  void on_gone(std::size_t connection, Loss how, bool owed) override {
    const auto caller = links_[connection].caller;
    auto& own = own_[caller];
    --own.connections;
    std::erase(own.idle, connection);
    if (owed || (how != Loss::closed && !own.waiting.empty())) {
      // Not tried again: what a caller's first attempt meets is what counts here. One that could
      // not even connect has lost the request it wanted to connect for.
      if (!owed) own.waiting.pop_front();
      --open_requests_;
      tally_.gone(how, true);
    } else {
      tally_.gone(how, false);
    }
    if (!own.waiting.empty() && own.connections == 0) connect(caller);
  }

  [[nodiscard]] static std::int64_t since(Clock::time_point due) {
    return std::chrono::duration_cast<microseconds>(Clock::now() - due).count();
  }

  const Options& options_;
  wire::PublicKey to_;
  std::vector<Caller> callers_;
  std::vector<Body> bodies_;
  Sources sources_;
  std::vector<Own> own_;
  std::vector<Link> links_;
  Tally tally_;
  std::vector<std::int64_t> latencies_;
  std::vector<std::int64_t> lateness_;
  std::size_t made_ = 0;
  std::size_t open_requests_ = 0;
  Clock::time_point begin_;
  Clock::time_point end_;
  Clock::duration took_{};
  Swarm swarm_;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Honest callers of a host on loopback."};
  app.add_flag("--addresses", options.addresses, "print the callers' hotkeys, and that is all");
  app.add_option("--group", options.group, "the callers' keys are derived from this and a number");
  app.add_option("--keys", options.keys, "callers")->check(CLI::Range(1, 10'000));
  app.add_option("--port", options.port);
  app.add_option("--to", options.to, "the host's hotkey");
  app.add_option("--rate", options.rate, "requests a second, of all callers (open loop)");
  app.add_option("--at-once", options.at_once, "requests under way all the time (closed loop)");
  app.add_option("--seconds", options.seconds);
  app.add_option("--count", options.count, "end after so many requests");
  app.add_option("--skew", options.skew_s, "seconds the most wrong clocks are behind and ahead");
  app.add_option("--dialects", options.dialects, "of legacy,dojo/1,epistula/2");
  app.add_option("--source", options.source, "first address to connect from");
  app.add_option("--sources", options.sources, "how many from there on");
  app.add_option("--patience", options.patience_s, "seconds an answer may take");
  CLI11_PARSE(app, argc, argv);

  if (options.addresses) {
    for (std::size_t i = 0; i < options.keys; ++i) {
      fmt::print("{}\n", key_of(options.group, i).address());
    }
    return 0;
  }
  const auto to = wire::decode_ss58(options.to);
  if (!to || options.port == 0 || (options.rate > 0) == (options.at_once > 0)) {
    fmt::print(stderr, "wanted: --port, --to, and either --rate or --at-once\n");
    return 2;
  }
  prctl(PR_SET_TIMERSLACK, 1UL);  // the kernel's 50 µs would be taken for the host's
  Load load(options, to->key);
  load.run();
  fmt::print("{}\n", load.report());
  return 0;
}
