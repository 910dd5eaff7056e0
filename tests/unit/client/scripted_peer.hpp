// An HTTP peer over plain sockets that checks what a client sends and answers as a test tells it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <openssl/types.h>

#include <dojo/wire/dialect.hpp>

namespace dojo::testing {

using namespace std::chrono_literals;

/// A request as the peer saw it.
struct Seen {
  std::string method;
  std::string path;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;                                          // as it came
  int connection = 0;
  std::chrono::steady_clock::time_point when;

  [[nodiscard]] std::string header(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const;
  /// The three headers are there, and the signature is right.
  [[nodiscard]] bool signed_well() const;
  /// The signed statement, if it is dojo/1 and states this very request.
  [[nodiscard]] std::optional<wire::DojoMessage> statement() const;
  /// The body, decompressed where it says that it is zstd.
  [[nodiscard]] std::string json() const;
};

struct Reply {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = R"({"body":{"text":"hi"},"error":null,"metadata":{}})";
  std::optional<std::string> raw = {};             ///< sent instead of all that
  std::optional<std::size_t> cut_after = {};       ///< bytes, then the connection is reset
  std::optional<std::size_t> claimed_length = {};  ///< content-length instead of the true one
  bool close = false;  ///< without a word of it in the headers, after the answer
};

/// Where a peer listens, and how.
struct PeerOptions {
  bool ipv6 = false;       ///< on ::1, else on 127.0.0.1
  SSL_CTX* tls = nullptr;  ///< outlives the peer; null: without TLS
};

/// A body in one zstd frame, with the header that says so.
Reply zstd_reply(std::string_view body);

class ScriptedPeer {
 public:
  using Script = std::function<Reply(const Seen&)>;

  /// Listens on a port of the system's choice. `script` runs on a thread for each connection.
  explicit ScriptedPeer(Script script, PeerOptions options = {});
  /// Lets go of everything that waits in wait_until_released().
  ~ScriptedPeer();
  ScriptedPeer(const ScriptedPeer&) = delete;
  ScriptedPeer& operator=(const ScriptedPeer&) = delete;

  [[nodiscard]] std::string url() const;
  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::vector<Seen> seen() const;
  [[nodiscard]] int connections() const { return connections_; }
  /// The most requests that were in their script at the same time.
  [[nodiscard]] int most_at_once() const { return most_at_once_; }
  /// Waits until so many requests came. @return false after `limit`.
  bool wait_for(std::size_t requests, std::chrono::milliseconds limit = 10s) const;
  /// For scripts: holds the answer back until release(), or until the peer goes.
  void wait_until_released();
  void release();

 private:
  void listen();
  void accept();
  void serve(int connection, int number);
  void note(Seen seen);

  Script script_;
  const PeerOptions options_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  std::atomic<int> at_once_{0};
  std::atomic<int> most_at_once_{0};
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<Seen> seen_;            // mutex_
  bool released_ = false;             // mutex_
  bool stopping_ = false;             // mutex_
  std::list<int> open_;               // mutex_
  std::vector<std::thread> threads_;  // the accepting thread's, then the destructor's
  std::thread accepting_;
};

}  // namespace dojo::testing
