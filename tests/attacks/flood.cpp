// Attackers, bounded in number and time: attack_flood KIND --port P --to HOTKEY --connections N
// --seconds S … prints "ready" once it has signed what it will send, begins when a line comes on
// standard input, and prints one JSON object when it is over. KIND is one of slow_kinds() or of
// make_source()'s.
#include <cstdio>
#include <functional>
#include <limits>
#include <map>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "arsenal.hpp"
#include "slow.hpp"
#include "swarm.hpp"
#include "tally.hpp"

namespace {

using namespace dojo;
using namespace dojo::attacks;

struct Options {
  std::string kind;
  std::uint16_t port = 0;
  std::string to;
  std::string dialects = "legacy,dojo/1";
  std::string source = "127.9.0.1";
  std::size_t sources = 1;
  std::size_t connections = 16;
  double seconds = 5;
  double rate = 0;
  std::uint64_t count = std::numeric_limits<std::uint64_t>::max();
  int nice = 0;
  ArsenalOptions arsenal;
};

Clock::duration seconds(double count) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(count));
}

/// As many requests as the connections take, or as the rate says. A connection that is opened anew
/// counts as one of them, so that a host that closes connections does not make the attacker faster.
class Flood : Swarm::Owner {
 public:
  Flood(const Options& options, Source source)
      : options_(options),
        next_(std::move(source)),
        sources_(options.source, options.sources),
        swarm_(*this, options.port, std::chrono::seconds(10)) {}

  void run() {
    begin_ = Clock::now();
    const auto end = begin_ + seconds(options_.seconds);
    to_open_ = options_.connections;
    while (Clock::now() < end && tally_.sent < options_.count) {
      while (may() && !idle_.empty()) {
        const auto connection = idle_.back();
        idle_.pop_back();
        fire(connection);
      }
      while (may() && to_open_ > 0) {
        --to_open_;
        ++spent_;
        swarm_.open(sources_.of(opened_++));
      }
      swarm_.step(options_.rate > 0 ? std::min(end, Clock::now() + std::chrono::milliseconds(1))
                                    : end);
    }
    const auto last = Clock::now() + std::chrono::seconds(1);
    over_ = true;
    while (swarm_.under_way() > 0 && Clock::now() < last) swarm_.step(last);
    took_ = Clock::now() - begin_;
  }

  std::string report() const {
    const auto elapsed = std::chrono::duration<double>(took_).count();
    return fmt::format(
        R"({{{},"opened":{},"seconds":{:.3f},"sent_per_s":{:.1f},"opened_per_s":{:.1f}}})",
        tally_.json(), opened_, elapsed, static_cast<double>(tally_.sent) / elapsed,
        static_cast<double>(opened_) / elapsed);
  }

 private:
  [[nodiscard]] bool may() const {
    if (over_ || tally_.sent >= options_.count) return false;
    if (options_.rate <= 0) return true;
    const auto elapsed = std::chrono::duration<double>(Clock::now() - begin_).count();
    return static_cast<double>(spent_) < elapsed * options_.rate;
  }

  void fire(std::size_t connection) {
    ++tally_.sent;
    ++spent_;
    swarm_.ask(connection, next_());
  }

  void on_ready(std::size_t connection) override {
    if (may()) {
      fire(connection);
    } else {
      idle_.push_back(connection);
    }
  }

  void on_answer(std::size_t /*connection*/, const Answer& answer) override {
    tally_.answer(answer);
  }

  void on_gone(std::size_t connection, Loss how, bool owed) override {
    tally_.gone(how, owed);
    std::erase(idle_, connection);
    ++to_open_;
  }

  const Options& options_;
  Source next_;
  Sources sources_;
  Tally tally_;
  std::vector<std::size_t> idle_;
  std::size_t to_open_ = 0;
  std::uint64_t opened_ = 0;
  std::uint64_t spent_ = 0;
  bool over_ = false;
  Clock::time_point begin_;
  Clock::duration took_{};
  Swarm swarm_;
};

void wait_for_start() {
  fmt::print("ready\n");
  std::fflush(stdout);
  while (true) {
    const int byte = std::getchar();
    if (byte == '\n' || byte == EOF) return;
  }
}

int flood(const Options& options) {
  auto source = make_source(options.kind, options.arsenal);
  if (!source) {
    fmt::print(stderr, "no such kind of attack: {}\n", options.kind);
    return 2;
  }
  wait_for_start();
  Flood flood(options, std::move(source));
  flood.run();
  fmt::print("{}\n", flood.report());
  return 0;
}

/// Requests of a kilobyte that are answered by 12 MB, since they take no other coding.
Source hoard(const ArsenalOptions& options) {
  return [next = make_source("heavy", options)] {
    auto text = next();
    constexpr std::string_view kAccepts = "Accept-Encoding: zstd\r\n";
    return text.erase(text.find(kAccepts), kAccepts.size());
  };
}

/// Requests that are refused before anything of them counts, of nobody and of strangers.
Source refused(const ArsenalOptions& options) {
  constexpr int kStrangerIn = 100;
  return [next = make_source("strangers", options), turn = 0]() mutable {
    return turn++ % kStrangerIn == 0 ? next() : "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  };
}

struct SlowKind {
  std::vector<Idling> kinds;
  Source (*requests)(const ArsenalOptions&);
};

const std::map<std::string, SlowKind, std::less<>>& slow_kinds() {
  using enum Idling;
  static const std::map<std::string, SlowKind, std::less<>> kKinds{
      {"slow", {{head, body, read}, make_unfinished}},
      {"bodies", {{hold, hold, hold, body, wait}, make_unfinished}},
      {"hoard", {{keep}, hoard}},
      {"unread", {{pour}, refused}},
  };
  return kKinds;
}

int slow(const Options& options, const SlowKind& kind) {
  Slow slow(options.port, Sources(options.source, options.sources), options.connections, kind.kinds,
            kind.requests(options.arsenal));
  wait_for_start();
  slow.run(seconds(options.seconds));
  fmt::print("{{{},\"open\":{},\"seconds\":{:.3f},\"sent_per_s\":{:.1f}}}\n", slow.tally().json(),
             slow.open(), options.seconds,
             static_cast<double>(slow.tally().sent) / options.seconds);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Attackers of a host on loopback."};
  app.add_option(
         "kind", options.kind,
         "unsigned, strangers, sybils, impostor, proxied, replay, greedy, bombs, json, heavy, "
         "noise, slow, bodies, hoard or unread")
      ->required();
  app.add_option("--port", options.port)->required();
  app.add_option("--to", options.to, "the host's hotkey")->required();
  app.add_option("--connections", options.connections)->check(CLI::Range(1, 10'000));
  app.add_option("--seconds", options.seconds)->check(CLI::Range(0.0, 86'400.0));
  app.add_option("--rate", options.rate, "requests a second, of all; 0: as many as they can");
  app.add_option("--count", options.count, "end after so many requests");
  app.add_option("--dialects", options.dialects, "of legacy,dojo/1,epistula/2");
  app.add_option("--source", options.source, "first address to connect from");
  app.add_option("--sources", options.sources, "how many from there on");
  app.add_option("--group", options.arsenal.group, "keys that the host knows");
  app.add_option("--keys", options.arsenal.keys, "how many of them");
  app.add_option("--pool", options.arsenal.pool, "requests signed ahead")
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--nice", options.nice, "this program's priority");
  CLI11_PARSE(app, argc, argv);

  const auto to = wire::decode_ss58(options.to);
  if (!to) {
    fmt::print(stderr, "--to: {}\n", to.error().message);
    return 2;
  }
  options.arsenal.to = to->key;
  options.arsenal.speeches = parse_speeches(options.dialects);
  if (nice(options.nice) == -1) return 1;
  prctl(PR_SET_TIMERSLACK, 1UL);
  const auto found = slow_kinds().find(options.kind);
  return found == slow_kinds().end() ? flood(options) : slow(options, found->second);
}
