// One caller's load on one server: so many connections, each with one request under way at most.
//   bench_load --port P --to HOTKEY --body FILE --connections N --count N …    closed loop
//   bench_load … --rate R …                                                    open loop: as many a
//   second as the rate says
// Requests are signed ahead, so that signing is in nobody's latency. A latency is counted from the
// time at which its request was due: at once in a closed loop. Prints one JSON object.
#include <deque>
#include <fstream>
#include <iterator>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/prctl.h>

#include <dojo/wire/compression.hpp>
#include <dojo/wire/keypair.hpp>
#include <dojo/wire/signature.hpp>
#include <dojo/wire/ss58.hpp>

#include "attacks/caller.hpp"
#include "attacks/swarm.hpp"
#include "attacks/tally.hpp"

namespace {

using namespace dojo;
using namespace dojo::attacks;
using std::chrono::microseconds;

constexpr std::string_view kPath = "/Echo";
// btauth/1 accepts what is 10 s old; who is slower than expected gets newer signatures.
constexpr std::chrono::seconds kOldest{5};
constexpr std::chrono::seconds kPatience{60};

struct Options {
  std::uint16_t port = 0;
  std::string to;
  std::string dialect = "dojo/1";
  std::string seed = std::string(64, '7');
  std::string body;
  bool zstd = false;
  std::size_t connections = 32;
  std::uint64_t count = 1'000;
  double rate = 0;
};

/// Signs as one hotkey does, in one dialect.
class Signer {
 public:
  Signer(const Options& options, const Body& body)
      : btauth_(options.dialect == "btauth/1"),
        key_(wire::Keypair::from_seed_hex(options.seed).value()),
        caller_(key_, btauth_ ? Speech::dojo1 : parse_speeches(options.dialect).front()),
        to_(options.to),
        receiver_(wire::decode_ss58(options.to).value().key),
        body_(body) {}

  Headers sign() { return btauth_ ? btauth() : caller_.sign("POST", kPath, receiver_, body_); }

 private:
  /// The protocol of bittensor.http_auth: eight lines are signed, and a nonce is the time in ns.
  Headers btauth() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    nonce_ = std::max<std::int64_t>(nonce_ + 1, std::chrono::nanoseconds(now).count());
    const auto text = fmt::format("btauth/1\nsr25519\nPOST\n{}\n{}\n{}\n{}\n{}", kPath,
                                  body_.sha256, nonce_, caller_.address(), to_);
    return {{"X-Bittensor-Version", "1"},
            {"X-Bittensor-Hotkey", caller_.address()},
            {"X-Bittensor-Receiver", to_},
            {"X-Bittensor-Nonce", std::to_string(nonce_)},
            {"X-Bittensor-Signature", wire::format_signature(key_.sign(text))}};
  }

  bool btauth_;
  wire::Keypair key_;
  Caller caller_;
  std::string to_;
  wire::PublicKey receiver_;
  const Body& body_;
  std::int64_t nonce_ = 0;
};

class Load : Swarm::Owner {
 public:
  Load(const Options& options, const Body& body)
      : options_(options),
        body_(body),
        signer_(options, body),
        from_("127.0.0.1", 1),
        swarm_(*this, options.port, kPatience) {
    for (std::uint64_t i = 0; i < options.count; ++i) sign();
  }

  void run() {
    for (std::size_t i = 0; i < options_.connections; ++i)
      links_.emplace(swarm_.open(from_.of(0)), Clock::time_point{});
    while (ready_.size() < links_.size() && gone_ == 0) swarm_.step(Clock::now() + kPatience);
    begin_ = Clock::now();
    while (answered_ < options_.count && gone_ == 0) {
      ask_what_is_due();
      swarm_.step(tally_.sent < options_.count && !ready_.empty() ? due(tally_.sent)
                                                                  : Clock::now() + kPatience);
    }
    took_ = Clock::now() - begin_;
  }

  [[nodiscard]] bool whole() const { return answered_ == options_.count; }

  std::string report() {
    const auto elapsed = std::chrono::duration<double>(took_).count();
    return fmt::format(
        R"({{{},"ok":{},"answer_bytes":{},"ok_per_s":{:.1f},"p50_us":{},"p99_us":{},"max_us":{}}})",
        tally_.json(), tally_.statuses[200], answer_bytes_,
        static_cast<double>(answered_) / elapsed, quantile(latencies_, 0.5),
        quantile(latencies_, 0.99), quantile(latencies_, 1));
  }

 private:
  struct Signed {
    Clock::time_point when;
    Headers headers;
  };

  void sign() { signed_.push_back({Clock::now(), signer_.sign()}); }

  [[nodiscard]] Clock::time_point due(std::uint64_t place) const {
    if (options_.rate == 0) return begin_;
    const std::chrono::duration<double> after(static_cast<double>(place) / options_.rate);
    return begin_ + std::chrono::duration_cast<Clock::duration>(after);
  }

  void ask_what_is_due() {
    while (!ready_.empty() && tally_.sent < options_.count && due(tally_.sent) <= Clock::now()) {
      const auto connection = ready_.front();
      ready_.pop_front();
      auto request = post();
      links_[connection] = options_.rate == 0 ? Clock::now() : due(tally_.sent);
      ++tally_.sent;
      swarm_.ask(connection, std::move(request));
    }
  }

  std::string post() {
    if (Clock::now() - signed_.front().when > kOldest) {
      signed_.pop_front();
      sign();
      std::swap(signed_.front(), signed_.back());
    }
    std::string text = fmt::format("POST {} HTTP/1.1\r\nHost: 127.0.0.1\r\n", kPath);
    for (const auto& [name, value] : signed_.front().headers) {
      text.append(name).append(": ").append(value).append("\r\n");
    }
    signed_.pop_front();
    if (options_.zstd) text += "Content-Encoding: zstd\r\nAccept-Encoding: zstd\r\n";
    text += fmt::format("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                        body_.bytes.size());
    return text.append(body_.bytes);
  }

  void on_ready(std::size_t connection) override { ready_.push_back(connection); }

  void on_answer(std::size_t connection, const Answer& answer) override {
    ++answered_;
    tally_.answer(answer);
    answer_bytes_ = answer.body;
    const auto took = Clock::now() - links_[connection];
    latencies_.push_back(std::chrono::duration_cast<microseconds>(took).count());
  }

  /// A server that ends a connection has ended the measurement.
  void on_gone(std::size_t /*connection*/, Loss how, bool owed) override {
    tally_.gone(how, owed);
    ++gone_;
  }

  const Options& options_;
  const Body& body_;
  Signer signer_;
  Sources from_;
  std::deque<Signed> signed_;
  std::map<std::size_t, Clock::time_point> links_;  // connections, and when their request was due
  std::deque<std::size_t> ready_;
  Tally tally_;
  std::vector<std::int64_t> latencies_;
  std::uint64_t answered_ = 0;
  std::size_t answer_bytes_ = 0;
  std::size_t gone_ = 0;
  Clock::time_point begin_;
  Clock::duration took_{};
  Swarm swarm_;
};

Body body_of(const Options& options) {
  std::ifstream file(options.body, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(file), {});
  return Body(options.zstd ? wire::compress(text).value() : std::move(text));
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"One caller's load on one server of loopback."};
  app.add_option("--port", options.port)->required();
  app.add_option("--to", options.to, "the server's hotkey")->required();
  app.add_option("--dialect", options.dialect)
      ->check(CLI::IsMember({"dojo/1", "legacy", "btauth/1"}));
  app.add_option("--seed", options.seed, "of the caller's sr25519 hotkey, hex");
  app.add_option("--body", options.body, "file with the JSON that is sent")
      ->required()
      ->check(CLI::ExistingFile);
  app.add_flag("--zstd", options.zstd, "compressed, both ways");
  app.add_option("--connections", options.connections)->check(CLI::Range(1, 10'000));
  app.add_option("--count", options.count, "requests");
  app.add_option("--rate", options.rate, "requests a second (open loop)");
  CLI11_PARSE(app, argc, argv);

  prctl(PR_SET_TIMERSLACK, 1UL);  // the kernel's 50 µs would be taken for the server's
  const Body body = body_of(options);
  Load load(options, body);
  load.run();
  fmt::print("{}\n", load.report());
  return load.whole() ? 0 : 1;
}
