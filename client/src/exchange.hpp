// One HTTP exchange over a libcurl handle: set up, limits, and what came of it.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <curl/curl.h>

#include <dojo/client/options.hpp>
#include <dojo/client/response.hpp>

#include "payload.hpp"
#include "signing.hpp"
#include "target.hpp"

namespace dojo::detail {

class Intake;

/// The answer's header section may have this many bytes.
inline constexpr std::size_t kMaxResponseHeaders = std::size_t{64} << 10;

/// What an exchange sends, and within which time.
struct Sending {
  void* owner = nullptr;             ///< what Exchange::owner() gives back
  const Target* target = nullptr;    ///< outlives the exchange
  const Payload* payload = nullptr;  ///< the same; null for a HEAD
  /// Called whenever the request is about to go out: again if libcurl sends it once more, because a
  /// kept connection was found dead. A host must refuse the same signature as a replay.
  std::function<HeaderList()> sign;
  std::chrono::milliseconds timeout{0};
  Intake* intake = nullptr;  ///< if it may be answered by a stream, which has limits of its own
  bool fresh_connection = false;  ///< on none that is kept
};

/// A handle that is used for one exchange after the other. Lives at a stable address, since libcurl
/// calls back into it; used on the client's thread alone.
class Exchange {
 public:
  explicit Exchange(const ClientOptions& options);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  /// Makes ready for a request.
  void prepare(Sending sending);

  /// Takes what came, once libcurl says that it is over. @return why it failed, if it did.
  std::optional<SendError> conclude(CURLcode code, ClientResponse& response);

  /// Whether it failed because a kept connection broke before a byte of the answer came: that says
  /// nothing about the peer. Valid after conclude().
  [[nodiscard]] bool found_a_dead_connection() const { return dead_connection_; }

  /// `Retry-After`, in either form; 0 if there is none. Valid after conclude().
  [[nodiscard]] std::chrono::seconds retry_after() const;

  /// There is room for more of a stream.
  void go_on() noexcept;

  /// Takes the request off its handle, so that it can be used again.
  void reset();

  [[nodiscard]] CURL* handle() const { return handle_.get(); }
  static void* owner(CURL* handle);

 private:
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
  static int on_progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t);
  static int on_request(void* self, char* remote, char* local, int remote_port, int local_port);
  void set_method(const Payload* payload);
  void set_limits();
  [[nodiscard]] bool is_stream() const;
  [[nodiscard]] bool is_at_fault() noexcept;
  void take_header(std::string_view line);
  void sign();

  /// No exception may pass through libcurl. @return whether there was none.
  template <class Step>
  bool guarded(Step step) noexcept {
    try {
      step();
      return true;
    } catch (...) {
      own_failure_ = internal_error();
      return false;
    }
  }

  [[nodiscard]] bool is_dead_connection(CURLcode code) const;
  [[nodiscard]] SendError failure(CURLcode code) const;
  [[nodiscard]] SendError::Kind kind(CURLcode code) const;

  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> handle_;
  const std::size_t max_body_;
  std::array<char, CURL_ERROR_SIZE> error_{};
  Sending sending_;
  HeaderList request_headers_;
  std::vector<Header> headers_;
  std::size_t header_bytes_ = 0;
  bool headers_ended_ = false;
  std::string body_;
  bool too_large_ = false;
  bool request_sent_ = false;
  bool dead_connection_ = false;
  std::optional<SendError> own_failure_;  // of this side, inside of a callback of libcurl's
};

}  // namespace dojo::detail
