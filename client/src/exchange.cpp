#include "exchange.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "retry.hpp"

namespace dojo::detail {
namespace {

template <class Value>
void set(CURL* handle, CURLoption option, Value value) {
  if (const auto rc = curl_easy_setopt(handle, option, value); rc != CURLE_OK) {
    throw std::runtime_error(fmt::format("libcurl refuses option {}: {}", static_cast<int>(option),
                                         curl_easy_strerror(rc)));
  }
}

std::chrono::microseconds microseconds_of(CURL* handle, CURLINFO which) {
  curl_off_t value = 0;
  curl_easy_getinfo(handle, which, &value);
  return std::chrono::microseconds(value);
}

std::uint64_t bytes_of(CURL* handle, CURLINFO which) {
  curl_off_t value = 0;
  curl_easy_getinfo(handle, which, &value);
  return static_cast<std::uint64_t>(std::max<curl_off_t>(value, 0));
}

std::uint64_t header_bytes_of(CURL* handle, CURLINFO which) {
  long value = 0;
  curl_easy_getinfo(handle, which, &value);
  return static_cast<std::uint64_t>(std::max(value, 0L));
}

std::string_view without_space_around(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r' ||
                           text.back() == '\n')) {
    text.remove_suffix(1);
  }
  return text;
}

}  // namespace

Exchange::Exchange(const ClientOptions& options)
    : handle_(curl_easy_init(), curl_easy_cleanup), max_body_(options.max_response_bytes) {
  if (!handle_) throw std::bad_alloc();
  CURL* curl = handle_.get();
  set(curl, CURLOPT_ERRORBUFFER, error_.data());
  set(curl, CURLOPT_HEADERFUNCTION, &Exchange::on_header);
  set(curl, CURLOPT_HEADERDATA, this);
  set(curl, CURLOPT_WRITEFUNCTION, &Exchange::on_body);
  set(curl, CURLOPT_WRITEDATA, this);
  set(curl, CURLOPT_PREREQFUNCTION, &Exchange::on_request);
  set(curl, CURLOPT_PREREQDATA, this);
  set(curl, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(max_body_));
  set(curl, CURLOPT_USERAGENT, options.user_agent.c_str());
  set(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  set(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(curl, CURLOPT_FOLLOWLOCATION, 0L);
  set(curl, CURLOPT_PATH_AS_IS, 1L);
  set(curl, CURLOPT_NOSIGNAL, 1L);
  set(curl, CURLOPT_PROXY, options.proxy.c_str());  // "" keeps the environment's out
  if (options.insecure_tls) {
    set(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    set(curl, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  if (!options.ca_file.empty()) set(curl, CURLOPT_CAINFO, options.ca_file.c_str());
}

void Exchange::prepare(void* owner, const Target& target, const Payload* payload,
                       HeaderList headers, std::chrono::milliseconds timeout) {
  CURL* curl = handle_.get();
  request_headers_ = std::move(headers);
  headers_.clear();
  header_bytes_ = 0;
  body_.clear();
  too_large_ = false;
  requests_ = 0;
  error_[0] = '\0';
  set(curl, CURLOPT_PRIVATE, owner);
  set(curl, CURLOPT_URL, target.url.c_str());
  set(curl, CURLOPT_HTTPHEADER, request_headers_.get());
  set(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  if (payload) {
    set(curl, CURLOPT_POST, 1L);
    set(curl, CURLOPT_POSTFIELDS, payload->body.data());
    set(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(payload->body.size()));
  } else {
    set(curl, CURLOPT_NOBODY, 1L);
  }
}

std::optional<SendError> Exchange::conclude(CURLcode code, ClientResponse& response) {
  CURL* curl = handle_.get();
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  response.headers = std::move(headers_);
  response.raw_body = std::move(body_);
  auto& timings = response.timings;
  timings.resolved = microseconds_of(curl, CURLINFO_NAMELOOKUP_TIME_T);
  timings.connected = microseconds_of(curl, CURLINFO_CONNECT_TIME_T);
  timings.secured = microseconds_of(curl, CURLINFO_APPCONNECT_TIME_T);
  timings.first_byte = microseconds_of(curl, CURLINFO_STARTTRANSFER_TIME_T);
  timings.exchange = microseconds_of(curl, CURLINFO_TOTAL_TIME_T);
  auto& sizes = response.sizes;
  sizes.wire_out +=
      header_bytes_of(curl, CURLINFO_REQUEST_SIZE) + bytes_of(curl, CURLINFO_SIZE_UPLOAD_T);
  sizes.wire_in +=
      header_bytes_of(curl, CURLINFO_HEADER_SIZE) + bytes_of(curl, CURLINFO_SIZE_DOWNLOAD_T);
  sizes.body_in = response.raw_body.size();
  sizes.json_in = response.raw_body.size();
  if (code == CURLE_OK) return std::nullopt;
  return failure(code);
}

SendError Exchange::failure(CURLcode code) const {
  if (too_large_ || code == CURLE_FILESIZE_EXCEEDED) {
    return {SendError::Kind::too_large,
            fmt::format("the answer is over {} bytes (or its headers over {})", max_body_,
                        kMaxResponseHeaders)};
  }
  if (code == CURLE_ABORTED_BY_CALLBACK) {
    return {SendError::Kind::connection, "the peer closed a kept connection as the request came"};
  }
  return {kind_of(code), error_[0] ? error_.data() : curl_easy_strerror(code)};
}

std::chrono::seconds Exchange::retry_after() const {
  curl_off_t seconds = 0;
  curl_easy_getinfo(handle_.get(), CURLINFO_RETRY_AFTER, &seconds);
  return std::chrono::seconds(std::max<curl_off_t>(seconds, 0));
}

void Exchange::reset() {
  curl_easy_setopt(handle_.get(), CURLOPT_HTTPHEADER, nullptr);
  curl_easy_setopt(handle_.get(), CURLOPT_POSTFIELDS, nullptr);
  request_headers_ = {};
}

void* Exchange::owner(CURL* handle) {
  char* owner = nullptr;
  curl_easy_getinfo(handle, CURLINFO_PRIVATE, &owner);
  return owner;
}

std::size_t Exchange::on_header(char* data, std::size_t size, std::size_t count, void* self) {
  auto& exchange = *static_cast<Exchange*>(self);
  const std::size_t bytes = size * count;
  exchange.header_bytes_ += bytes;
  if (exchange.header_bytes_ > kMaxResponseHeaders) {
    exchange.too_large_ = true;
    return 0;
  }
  exchange.take_header({data, bytes});
  return bytes;
}

void Exchange::take_header(std::string_view line) {
  if (line.starts_with("HTTP/")) {  // a final answer's headers replace those of a 1xx before it
    headers_.clear();
    return;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return;
  headers_.push_back({std::string(line.substr(0, colon)),
                      std::string(without_space_around(line.substr(colon + 1)))});
}

std::size_t Exchange::on_body(char* data, std::size_t size, std::size_t count, void* self) {
  auto& exchange = *static_cast<Exchange*>(self);
  const std::size_t bytes = size * count;
  if (bytes > exchange.max_body_ - exchange.body_.size()) {
    exchange.too_large_ = true;
    return 0;
  }
  exchange.body_.append(data, bytes);
  return bytes;
}

// libcurl sends a request by itself once more when a kept connection breaks under it. That would
// carry the same signature, which a host must refuse as a replay.
int Exchange::on_request(void* self, char*, char*, int, int) {
  auto& exchange = *static_cast<Exchange*>(self);
  return exchange.requests_++ == 0 ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

}  // namespace dojo::detail
