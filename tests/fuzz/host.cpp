// The whole host, through its sockets: head, body, plugin, answer. An input is what one connection
// sends, in pieces: bytes as they are, or a request that is rightly signed and then spoilt.
// Whatever comes, the host answers in HTTP, ends the connection, and then holds nothing of it any
// more.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <dojo/wire/compression.hpp>

#include "config/config.hpp"
#include "host/signed_head.hpp"
#include "net/client.hpp"
#include "server.hpp"

namespace {

using namespace dojo;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

void require(bool condition, std::string_view what) {
  if (condition) return;
  fmt::print(stderr, "fuzz_host: {}\n", what);
  std::abort();
}

template <class Value>
Value must(Result<Value> made) {
  require(made.has_value(), made ? "" : made.error().message);
  return std::move(*made);
}

wire::Keypair key(std::uint8_t number) {
  return wire::Keypair::from_seed(std::array<std::uint8_t, 32>{number});
}

class Bench {
 public:
  Bench() : folder_(fs::temp_directory_path() / fmt::format("fuzz_host_{}", ::getpid())) {
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "plugins");
    fs::copy_file(FUZZ_PLUGIN, folder_ / "plugins" / "raw.so");
    auto config = host::default_config();
    config.http.port = 0;
    config.http.threads = 1;
    config.http.limits.max_body = 1 << 20;
    config.http.limits.linger = 100ms;
    config.dispatch.decompression.max_output = 4 << 20;
    config.dispatch.stream = 1 << 20;
    config.reload.workers = 1;
    config.state_dir = folder_ / "state";
    config.plugins_dir = folder_ / "plugins";
    config.quota.failed = {};
    config.auth.dialects = request::DialectSet(wire::kDialects);
    server_ = must(host::Server::create(config, self, log_));
    server_->load();
    require(server_->start().has_value(), "the host does not listen");
  }
  ~Bench() {
    server_.reset();
    fs::remove_all(folder_);
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  [[nodiscard]] std::uint16_t port() const { return server_->port(); }
  /// Nothing of the connections that have ended is kept.
  [[nodiscard]] bool is_empty() const {
    const auto& net = server_->budgets();
    auto& dispatcher = server_->pipeline().dispatcher();
    return net.connections.held() == 0 && net.request_bytes.held() == 0 &&
           net.response_bytes.held() == 0 && dispatcher.plain_bytes().held() == 0 &&
           dispatcher.in_flight() == 0;
  }

  const wire::Keypair self = key(1);
  const wire::Keypair caller = key(2);

 private:
  const fs::path folder_;
  const base::Log log_ = must(base::Log::open("off", base::LogFormat::text));
  std::unique_ptr<host::Server> server_;
};

class Input {
 public:
  explicit Input(std::string_view bytes) : bytes_(bytes) {}
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  std::uint8_t byte() {
    if (bytes_.empty()) return 0;
    const auto first = static_cast<std::uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return first;
  }
  std::size_t number() { return std::size_t{byte()} << 8 | byte(); }
  std::string_view text(std::size_t most) {
    const auto taken = bytes_.substr(0, most);
    bytes_.remove_prefix(taken.size());
    return taken;
  }

 private:
  std::string_view bytes_;
};

constexpr std::array<std::string_view, 8> kPaths = {
    "/v1/score", "/v1/x?y=%20", "/v1/status/404", "/later",
    "/headed",   "/Show",       "/v1/repeat",     "/v1/status/split"};

test::SignedHead sign(const Bench& bench, std::uint8_t dialect, const std::string& path,
                      std::string_view body) {
  const auto now = std::chrono::system_clock::now();
  const auto rounded = std::chrono::floor<std::chrono::milliseconds>(now);
  switch (dialect % 4) {
    case 0:
      return test::dojo1(bench.caller, test::statement(bench.self, path, body, rounded));
    case 1:
      return test::legacy(bench.caller, path);
    case 2: {
      auto head = test::epistula(bench.caller,
                                 test::epistula_statement(bench.self.address(), rounded), body);
      head.path = path;
      return head;
    }
    default: {
      auto statement = test::btauth_statement(bench.caller, bench.self.address(), now);
      statement.target = path;
      return test::btauth(bench.caller, statement, body);
    }
  }
}

/// A signed request whose body, and whichever byte of the whole, the input has.
std::string request(const Bench& bench, Input& input) {
  const auto kind = input.byte();
  const auto how = input.byte();
  const std::string path(kPaths[how % kPaths.size()]);
  std::string body(input.text(input.number() % 4'096));
  if ((how & 0x08) != 0) body = R"({"value":)" + body + "}";
  if ((how & 0x10) != 0) body = must(wire::compress(body));
  auto head = sign(bench, kind, path, body);
  std::string text = fmt::format("{} {} HTTP/1.1\r\nHost: a\r\n", head.method, head.path);
  for (const auto& field : head.fields)
    text += fmt::format("{}: {}\r\n", std::string(field.name_string()), std::string(field.value()));
  if ((how & 0x10) != 0) text += "Content-Encoding: zstd\r\n";
  if ((how & 0x20) != 0) text += "Accept-Encoding: zstd\r\n";
  if ((how & 0x40) != 0) text += "Expect: 100-continue\r\n";
  text += fmt::format("Content-Length: {}\r\n\r\n{}", body.size(), body);
  if ((how & 0x80) != 0) text[input.number() % text.size()] = static_cast<char>(input.byte());
  return text;
}

/// What a connection gets for what it sends.
std::string answers_to(const Bench& bench, Input input) {
  auto client = net::Client::to(bench.port());
  for (int pieces = 0; !input.empty() && pieces < 16; ++pieces) {
    const auto kind = input.byte();
    const auto bytes =
        (kind & 1) != 0 ? request(bench, input) : std::string(input.text(input.number() % 8'192));
    if (!client.send(bytes)) break;
    if ((kind & 2) != 0) (void)client.readable_within(1ms);
  }
  client.half_close();
  return client.read_all();
}

bool eventually(const auto& holds) {
  const auto end = std::chrono::steady_clock::now() + 30s;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto kBench = std::make_unique<Bench>();
  const auto text = answers_to(
      *kBench, Input({reinterpret_cast<const char*>(data), std::min<std::size_t>(size, 65'536)}));
  require(text.empty() || text.starts_with("HTTP/1.1 "), "what came is no HTTP");
  require(eventually([&] { return kBench->is_empty(); }),
          "something of a connection is still held");
  return 0;
}
