// Saturating load of verified requests, each answer looked at: chaos_load PORT HOTKEY MODEL
// CONCURRENCY, until standard input ends. Then it writes a line for each request to standard
// output:
//   <end, seconds since the epoch> <latency, µs> <generation> <instance> <version> <outcome>
// where outcome is "ok", "misrouted" (another request's answer), or the code of a refusal, or what
// went wrong on the way.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include <dojo/client.hpp>
#include <dojo/wire/keypair.hpp>

#include "which.hpp"

namespace {

using namespace dojo;
using chaos::Told;
using chaos::Which;
using std::chrono::steady_clock;
using std::chrono::system_clock;

struct Echo {
  std::string message;
};
DOJO_MODEL(Echo, message)

struct Outcome {
  Told told;
  std::string word;
};

template <class Body>
std::string failure(const StdResponse<Body>& answer) {
  if (answer.code) return std::string(to_string(*answer.code));
  return answer.exception ? fmt::format("lost:{}", to_string(answer.exception->kind)) : "error";
}

Outcome judge(const StdResponse<Told>& answer, std::uint64_t nonce) {
  if (!answer.ok()) return {{}, failure(answer)};
  return {*answer.body, answer.body->nonce == nonce ? "ok" : "misrouted"};
}

Outcome judge(const StdResponse<Echo>& answer, std::uint64_t nonce) {
  if (!answer.ok()) return {{}, failure(answer)};
  return {{}, answer.body->message == std::to_string(nonce) ? "ok" : "misrouted"};
}

void work(Client& client, const std::string& url, const SendOptions& options, bool echo,
          const std::atomic<bool>& over, std::atomic<std::uint64_t>& nonces, std::string& lines) {
  while (!over) {
    const auto nonce = ++nonces;
    const auto begin = steady_clock::now();
    Outcome outcome;
    std::string generation = "0";
    const auto look = [&](const auto& answer) {
      outcome = judge(answer, nonce);
      generation = answer.client_response.header("x-dojo-generation").value_or("0");
    };
    if (echo) {
      look(client.send(url, Echo{std::to_string(nonce)}, options));
    } else {
      look(client.send<Told>(url, Which{nonce}, options));
    }
    const auto took =
        std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - begin);
    const std::chrono::duration<double> now = system_clock::now().time_since_epoch();
    lines += fmt::format("{:.6f} {} {} {} {} {}\n", now.count(), took.count(), generation,
                         outcome.told.instance, outcome.told.version, outcome.word);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("usage: chaos_load PORT HOTKEY MODEL CONCURRENCY\n", stderr);
    return 2;
  }
  const auto concurrency = static_cast<std::size_t>(std::atoi(argv[4]));
  ClientOptions pool;
  pool.max_connections = pool.max_connections_per_host = concurrency;
  Client client(wire::Keypair::generate(), pool);
  SendOptions options;
  options.to = std::string(argv[2]);
  options.max_retries = 1;
  options.preflight = Preflight::never;
  std::atomic<bool> over{false};
  std::atomic<std::uint64_t> nonces{0};
  std::vector<std::string> lines(concurrency);
  std::vector<std::thread> threads;
  for (auto& own : lines) {
    threads.emplace_back([&] {
      work(client, std::string("127.0.0.1:") + argv[1], options, argv[3] == std::string("Echo"),
           over, nonces, own);
    });
  }
  while (std::getchar() != EOF) {
  }
  over = true;
  for (auto& thread : threads) thread.join();
  for (const auto& own : lines) std::fputs(own.c_str(), stdout);
  return 0;
}
