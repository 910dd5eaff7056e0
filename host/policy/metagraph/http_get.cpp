#include "policy/metagraph/http_get.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <optional>
#include <stdexcept>
#include <utility>

#include <curl/curl.h>
#include <fmt/format.h>

namespace dojo::policy {
namespace {

using Easy = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using Multi = std::unique_ptr<CURLM, CURLMcode (*)(CURLM*)>;
using Headers = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

Multi open_multi() {
  static const CURLcode kStarted = curl_global_init(CURL_GLOBAL_DEFAULT);
  Multi multi(kStarted == CURLE_OK ? curl_multi_init() : nullptr, curl_multi_cleanup);
  if (!multi) throw std::runtime_error("libcurl cannot be started");
  return multi;
}

template <class Value>
void set(CURL* handle, CURLoption option, Value value) {
  if (const auto rc = curl_easy_setopt(handle, option, value); rc != CURLE_OK) {
    throw std::runtime_error(fmt::format("libcurl refuses option {}: {}", static_cast<int>(option),
                                         curl_easy_strerror(rc)));
  }
}

/// What one exchange fills.
struct Exchange {
  std::string body{};
  std::size_t longest = 0;
  bool too_long = false;
  std::array<char, CURL_ERROR_SIZE> error{};
};

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* exchange) {
  auto& into = *static_cast<Exchange*>(exchange);
  const std::size_t bytes = size * count;
  into.too_long = bytes > into.longest - into.body.size();
  if (into.too_long) return 0;
  into.body.append(data, bytes);
  return bytes;
}

void prepare(CURL* curl, Exchange& exchange, const Headers& headers, const std::string& url,
             std::chrono::milliseconds timeout) {
  set(curl, CURLOPT_URL, url.c_str());
  set(curl, CURLOPT_HTTPHEADER, headers.get());
  set(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  set(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(curl, CURLOPT_FOLLOWLOCATION, 0L);
  set(curl, CURLOPT_PROXY, "");  // "" keeps the environment's out
  set(curl, CURLOPT_NOSIGNAL, 1L);
  set(curl, CURLOPT_QUICK_EXIT, 1L);  // a name server that does not answer holds nobody up
  set(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  set(curl, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(exchange.longest));
  set(curl, CURLOPT_WRITEFUNCTION, &on_body);
  set(curl, CURLOPT_WRITEDATA, &exchange);
  set(curl, CURLOPT_ERRORBUFFER, exchange.error.data());
}

std::string why(CURLcode code, const Exchange& exchange) {
  if (exchange.too_long || code == CURLE_FILESIZE_EXCEEDED) {
    return fmt::format("the answer is over {} bytes", exchange.longest);
  }
  return exchange.error[0] == '\0' ? curl_easy_strerror(code) : exchange.error.data();
}

HttpAnswer answer_of(CURL* curl, Exchange& exchange) {
  long status = 0;
  char* location = nullptr;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &location);
  return {static_cast<int>(status), location == nullptr ? "" : location, std::move(exchange.body)};
}

/// While the handle is the multi's.
class Added {
 public:
  Added(CURLM* multi, CURL* easy) : multi_(multi), easy_(easy) {
    curl_multi_add_handle(multi_, easy_);
  }
  ~Added() { curl_multi_remove_handle(multi_, easy_); }
  Added(const Added&) = delete;
  Added& operator=(const Added&) = delete;

 private:
  CURLM* multi_;
  CURL* easy_;
};

}  // namespace

class HttpGet::Impl {
 public:
  Result<HttpAnswer> get(const std::string& url, std::chrono::milliseconds timeout,
                         std::size_t longest) {
    const Easy easy(curl_easy_init(), curl_easy_cleanup);
    const Headers headers(curl_slist_append(nullptr, "accept: application/json"),
                          curl_slist_free_all);
    if (!easy || !headers) throw std::bad_alloc();
    Exchange exchange{.longest = longest};
    prepare(easy.get(), exchange, headers, url, timeout);
    const Added added(multi_.get(), easy.get());
    const auto code = run();
    if (!code) return fail("it was given up");
    if (*code != CURLE_OK) return fail(why(*code, exchange));
    return answer_of(easy.get(), exchange);
  }

  void give_up() {
    given_up_ = true;
    curl_multi_wakeup(multi_.get());
  }
  void arm() { given_up_ = false; }

 private:
  /// @return nothing if it was given up
  std::optional<CURLcode> run() {
    for (;;) {
      if (given_up_) return std::nullopt;
      int running = 0;
      if (curl_multi_perform(multi_.get(), &running) != CURLM_OK) return CURLE_FAILED_INIT;
      int left = 0;
      if (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
        return message->data.result;
      }
      curl_multi_poll(multi_.get(), nullptr, 0, 10'000, nullptr);
    }
  }

  Multi multi_ = open_multi();
  std::atomic<bool> given_up_{false};
};

HttpGet::HttpGet() : impl_(std::make_unique<Impl>()) {}
HttpGet::~HttpGet() = default;

Result<HttpAnswer> HttpGet::get(const std::string& url, std::chrono::milliseconds timeout,
                                std::size_t longest) {
  return impl_->get(url, timeout, longest);
}

void HttpGet::give_up() {
  impl_->give_up();
}

void HttpGet::arm() {
  impl_->arm();
}

Status check_base_url(const std::string& url) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parts(curl_url(), curl_url_cleanup);
  const auto rc = curl_url_set(parts.get(), CURLUPART_URL, url.c_str(), CURLU_NON_SUPPORT_SCHEME);
  const auto part = [&](CURLUPart which) {
    char* text = nullptr;
    if (curl_url_get(parts.get(), which, &text, 0) != CURLUE_OK) return std::string();
    const std::unique_ptr<char, decltype(&curl_free)> owner(text, curl_free);
    return std::string(text);
  };
  const auto scheme = part(CURLUPART_SCHEME);
  if (rc != CURLUE_OK || part(CURLUPART_HOST).empty() || (scheme != "http" && scheme != "https")) {
    return fail("must be http:// or https:// and a host, such as http://127.0.0.1:3000");
  }
  if (!part(CURLUPART_USER).empty() || !part(CURLUPART_PASSWORD).empty()) {
    return fail("must not hold a user or password");
  }
  if (!part(CURLUPART_QUERY).empty() || !part(CURLUPART_FRAGMENT).empty()) {
    return fail("must end with its path: a query or fragment has no place in it");
  }
  return {};
}

}  // namespace dojo::policy
