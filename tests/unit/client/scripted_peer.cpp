#include "scripted_peer.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <memory>
#include <stdexcept>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <dojo/wire/compression.hpp>
#include <dojo/wire/signature.hpp>
#include <dojo/wire/ss58.hpp>

namespace dojo::testing {
namespace {

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

// A connection's bytes, through TLS if there is a context for it.
class Stream {
 public:
  Stream(int connection, SSL_CTX* tls)
      : connection_(connection), ssl_(tls ? SSL_new(tls) : nullptr, SSL_free) {
    if (ssl_) SSL_set_fd(ssl_.get(), connection);
  }

  bool open() { return !ssl_ || SSL_accept(ssl_.get()) == 1; }

  bool receive_more(std::string& buffer) {
    std::array<char, 16384> chunk{};
    const auto count = ssl_ ? SSL_read(ssl_.get(), chunk.data(), static_cast<int>(chunk.size()))
                            : recv(connection_, chunk.data(), chunk.size(), 0);
    if (count <= 0) return false;
    buffer.append(chunk.data(), static_cast<std::size_t>(count));
    return true;
  }

  bool send_all(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto count = ssl_ ? SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()))
                              : ::send(connection_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

 private:
  int connection_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
};

Seen parse_head(std::string_view head) {
  Seen seen;
  const auto line_end = head.find("\r\n");
  const auto line = head.substr(0, line_end);
  const auto first = line.find(' ');
  const auto second = line.rfind(' ');
  seen.method = line.substr(0, first);
  seen.path = line.substr(first + 1, second - first - 1);
  for (std::size_t at = line_end + 2; at < head.size();) {
    const auto end = head.find("\r\n", at);
    const auto field = head.substr(at, end - at);
    const auto colon = field.find(':');
    auto value = field.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    seen.headers.emplace_back(lower(std::string(field.substr(0, colon))), value);
    at = end + 2;
  }
  return seen;
}

std::optional<Seen> read_request(Stream& stream, std::string& buffer) {
  std::size_t end = 0;
  while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
    if (!stream.receive_more(buffer)) return std::nullopt;
  }
  Seen seen = parse_head(std::string_view(buffer).substr(0, end + 2));
  buffer.erase(0, end + 4);
  const std::size_t length =
      seen.has("content-length") ? std::stoul(seen.header("content-length")) : 0;
  while (buffer.size() < length) {
    if (!stream.receive_more(buffer)) return std::nullopt;
  }
  seen.body = buffer.substr(0, length);
  buffer.erase(0, length);
  seen.when = std::chrono::steady_clock::now();
  return seen;
}

std::string render(const Reply& reply, bool head_only) {
  if (reply.raw) return *reply.raw;
  auto text =
      fmt::format("HTTP/1.1 {} Scripted\r\nContent-Type: application/json\r\n", reply.status);
  for (const auto& [name, value] : reply.headers) text += fmt::format("{}: {}\r\n", name, value);
  text +=
      fmt::format("Content-Length: {}\r\n\r\n", reply.claimed_length.value_or(reply.body.size()));
  if (!head_only) text += reply.body;
  return text;
}

}  // namespace

std::string Seen::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

bool Seen::has(std::string_view name) const {
  return std::ranges::any_of(headers, [&](const auto& header) { return header.first == name; });
}

bool Seen::signed_well() const {
  const auto address = wire::decode_ss58(header(wire::kHotkeyHeader));
  const auto signature = wire::parse_signature(header(wire::kSignatureHeader));
  return address && signature &&
         wire::verify(address->key, header(wire::kMessageHeader), *signature);
}

std::optional<wire::DojoMessage> Seen::statement() const {
  const auto message = wire::parse_dojo_message(header(wire::kMessageHeader));
  if (!message || message->method != method || message->path != path ||
      message->body != wire::hash_body(body)) {
    return std::nullopt;
  }
  return *message;
}

std::string Seen::json() const {
  if (header("content-encoding") != "zstd") return body;
  return wire::decompress(body).value_or("not zstd");
}

Reply zstd_reply(std::string_view body) {
  Reply reply;
  reply.body = *wire::compress(body);
  reply.headers.emplace_back("content-encoding", "zstd");
  return reply;
}

ScriptedPeer::ScriptedPeer(Script script, PeerOptions options)
    : script_(std::move(script)), options_(options) {
  if (options.tls) signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to what may be closed
  listen();
  accepting_ = std::thread([this] { accept(); });
}

ScriptedPeer::~ScriptedPeer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    released_ = true;
    for (const int connection : open_) shutdown(connection, SHUT_RDWR);
  }
  changed_.notify_all();
  shutdown(listener_, SHUT_RDWR);
  accepting_.join();
  for (auto& thread : threads_) thread.join();
  close(listener_);
}

std::string ScriptedPeer::url() const {
  return fmt::format("{}://{}:{}", options_.tls ? "https" : "http",
                     options_.ipv6 ? "[::1]" : "127.0.0.1", port_);
}

std::vector<Seen> ScriptedPeer::seen() const {
  const std::lock_guard lock(mutex_);
  return seen_;
}

bool ScriptedPeer::wait_for(std::size_t requests, std::chrono::milliseconds limit) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, limit, [&] { return seen_.size() >= requests; });
}

void ScriptedPeer::wait_until_released() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return released_; });
}

void ScriptedPeer::release() {
  {
    const std::lock_guard lock(mutex_);
    released_ = true;
  }
  changed_.notify_all();
}

void ScriptedPeer::listen() {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_addr = in6addr_loopback;
  auto* address =
      options_.ipv6 ? reinterpret_cast<sockaddr*>(&v6) : reinterpret_cast<sockaddr*>(&v4);
  socklen_t size = options_.ipv6 ? sizeof v6 : sizeof v4;
  listener_ = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener_ < 0 || bind(listener_, address, size) != 0 || ::listen(listener_, 1024) != 0 ||
      getsockname(listener_, address, &size) != 0) {
    throw std::runtime_error("the scripted peer cannot listen");
  }
  port_ = ntohs(options_.ipv6 ? v6.sin6_port : v4.sin_port);
}

void ScriptedPeer::accept() {
  for (;;) {
    const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) return;
    const int on = 1;
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) {
        close(connection);
        return;
      }
      open_.push_back(connection);
    }
    const int number = ++connections_;
    threads_.emplace_back([this, connection, number] { serve(connection, number); });
  }
}

void ScriptedPeer::note(Seen seen) {
  {
    const std::lock_guard lock(mutex_);
    seen_.push_back(std::move(seen));
  }
  changed_.notify_all();
}

void ScriptedPeer::serve(int connection, int number) {
  std::string buffer;
  Stream stream(connection, options_.tls);
  const bool open = stream.open();
  while (auto request = open ? read_request(stream, buffer) : std::nullopt) {
    request->connection = number;
    const int now = ++at_once_;
    int most = most_at_once_;
    while (now > most && !most_at_once_.compare_exchange_weak(most, now)) {
    }
    note(*request);
    const Reply reply = script_(*request);
    --at_once_;
    const auto bytes = render(reply, request->method == "HEAD");
    const bool sent =
        stream.send_all(std::string_view(bytes).substr(0, reply.cut_after.value_or(bytes.size())));
    if (!sent || reply.cut_after || reply.close) break;
  }
  const std::lock_guard lock(mutex_);
  open_.remove(connection);
  close(connection);
}

}  // namespace dojo::testing
