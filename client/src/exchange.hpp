// One HTTP exchange over a libcurl handle: set up, limits, and what came of it.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
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

/// The answer's header section may have this many bytes.
inline constexpr std::size_t kMaxResponseHeaders = std::size_t{64} << 10;

/// A handle that is used for one exchange after the other. Lives at a stable address, since libcurl
/// calls back into it; used on the client's thread alone.
class Exchange {
 public:
  explicit Exchange(const ClientOptions& options);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  /// Makes ready for a HEAD (`payload` null) or POST. `target` and `payload` must outlive the
  /// exchange. @param owner what owner() gives back.
  void prepare(void* owner, const Target& target, const Payload* payload, HeaderList headers,
               std::chrono::milliseconds timeout);

  /// Takes what came, once libcurl says that it is over. @return why it failed, if it did.
  std::optional<SendError> conclude(CURLcode code, ClientResponse& response);

  /// `Retry-After`, in either form; 0 if there is none. Valid after conclude().
  [[nodiscard]] std::chrono::seconds retry_after() const;

  /// Takes the request off its handle, so that it can be used again.
  void reset();

  [[nodiscard]] CURL* handle() const { return handle_.get(); }
  static void* owner(CURL* handle);

 private:
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
  static int on_request(void* self, char* remote, char* local, int remote_port, int local_port);
  void take_header(std::string_view line);
  [[nodiscard]] SendError failure(CURLcode code) const;

  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> handle_;
  const std::size_t max_body_;
  std::array<char, CURL_ERROR_SIZE> error_{};
  HeaderList request_headers_;
  std::vector<Header> headers_;
  std::size_t header_bytes_ = 0;
  std::string body_;
  bool too_large_ = false;
  int requests_ = 0;
};

}  // namespace dojo::detail
