#include "exchange.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "intake.hpp"
#include "retry.hpp"
#include "text/words.hpp"

namespace dojo::detail {
namespace {

constexpr long kSwitchingProtocols = 101;
constexpr long kForEver = 86'400;  // seconds

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
  set(curl, CURLOPT_XFERINFOFUNCTION, &Exchange::on_progress);
  set(curl, CURLOPT_XFERINFODATA, this);
  set(curl, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(max_body_));
  set(curl, CURLOPT_USERAGENT, options.user_agent.c_str());
  set(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  set(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(curl, CURLOPT_FOLLOWLOCATION, 0L);
  set(curl, CURLOPT_PATH_AS_IS, 1L);
  set(curl, CURLOPT_NOSIGNAL, 1L);
  // A name that is still looked up is left to its thread. Else every other request would wait for
  // it.
  set(curl, CURLOPT_QUICK_EXIT, 1L);
  set(curl, CURLOPT_PROXY, options.proxy.c_str());  // "" keeps the environment's out
  if (options.insecure_tls) {
    set(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    set(curl, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  if (!options.ca_file.empty()) set(curl, CURLOPT_CAINFO, options.ca_file.c_str());
}

void Exchange::prepare(Sending sending) {
  CURL* curl = handle_.get();
  sending_ = std::move(sending);
  headers_.clear();
  header_bytes_ = 0;
  headers_ended_ = false;
  body_.clear();
  too_large_ = false;
  request_sent_ = false;
  dead_connection_ = false;
  own_failure_.reset();
  error_[0] = '\0';
  set(curl, CURLOPT_PRIVATE, sending_.owner);
  set(curl, CURLOPT_URL, sending_.target->url.c_str());
  set_limits();
  set(curl, CURLOPT_FRESH_CONNECT, sending_.fresh_connection ? 1L : 0L);
  set_method(sending_.payload);
}

/// What may be a stream ends by on_progress(), which libcurl calls every second if it is to watch
/// the speed.
void Exchange::set_limits() {
  CURL* curl = handle_.get();
  const bool streams = sending_.intake != nullptr;
  set(curl, CURLOPT_TIMEOUT_MS, streams ? 0L : static_cast<long>(sending_.timeout.count()));
  set(curl, CURLOPT_NOPROGRESS, streams ? 0L : 1L);
  set(curl, CURLOPT_LOW_SPEED_LIMIT, streams ? 1L : 0L);
  set(curl, CURLOPT_LOW_SPEED_TIME, streams ? kForEver : 0L);
}

void Exchange::set_method(const Payload* payload) {
  CURL* curl = handle_.get();
  if (!payload || payload->method == "HEAD") {
    set<const char*>(curl, CURLOPT_CUSTOMREQUEST, nullptr);
    return set(curl, CURLOPT_NOBODY, 1L);
  }
  // A body's length is stated, though it be 0, where the method is one that has a body.
  constexpr std::array<std::string_view, 3> kWithBody{"POST", "PUT", "PATCH"};
  if (payload->body.empty() && std::ranges::find(kWithBody, payload->method) == kWithBody.end()) {
    set(curl, CURLOPT_HTTPGET, 1L);
  } else {
    set(curl, CURLOPT_POST, 1L);
    set(curl, CURLOPT_POSTFIELDS, payload->body.data());
    set(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(payload->body.size()));
  }
  set(curl, CURLOPT_CUSTOMREQUEST, payload->method.c_str());
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
  if (code == CURLE_OK) {
    if (headers_ended_) return std::nullopt;
    // libcurl finds nothing amiss in that on a kept connection.
    return SendError{SendError::Kind::connection, "the peer closed within the answer's headers"};
  }
  dead_connection_ = is_dead_connection(code);
  return failure(code);
}

bool Exchange::is_dead_connection(CURLcode code) const {
  if (!request_sent_ || header_bytes_ > 0) return false;
  if (code != CURLE_SEND_ERROR && code != CURLE_RECV_ERROR && code != CURLE_GOT_NOTHING) {
    return false;
  }
  long made = 0;
  curl_easy_getinfo(handle_.get(), CURLINFO_NUM_CONNECTS, &made);
  return made == 0;
}

SendError::Kind Exchange::kind(CURLcode code) const {
  if (!request_sent_) return kind_of(code);
  const bool ill_chunked = std::string_view(error_.data()).ends_with("in chunked-encoding");
  long status = 0;
  curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
  const bool switched = code == CURLE_GOT_NOTHING && status == kSwitchingProtocols;
  if (code == CURLE_UNSUPPORTED_PROTOCOL || ill_chunked || switched) {
    return SendError::Kind::bad_response;
  }
  const auto what = kind_of(code);
  // It was fit to be sent: whatever is wrong is the answer's.
  return what == SendError::Kind::invalid_request ? SendError::Kind::bad_response : what;
}

SendError Exchange::failure(CURLcode code) const {
  if (own_failure_) return *own_failure_;
  // libcurl calls a header line beyond what it holds so.
  const bool long_line = request_sent_ && code == CURLE_OUT_OF_MEMORY;
  if (too_large_ || long_line || code == CURLE_FILESIZE_EXCEEDED) {
    return {SendError::Kind::too_large,
            fmt::format("the answer is over {} bytes (or its headers over {})", max_body_,
                        kMaxResponseHeaders)};
  }
  const std::string text = error_[0] ? error_.data() : curl_easy_strerror(code);
  const auto what = kind(code);
  return {what,
          what == SendError::Kind::bad_response ? "the answer is no HTTP/1.1: " + text : text};
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
  sending_ = {};
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
  const bool taken = exchange.guarded([&] { exchange.take_header({data, bytes}); });
  return taken ? bytes : 0;
}

void Exchange::take_header(std::string_view line) {
  if (line.starts_with("HTTP/")) {  // a final answer's headers replace those of a 1xx before it
    headers_.clear();
    headers_ended_ = false;
    return;
  }
  if (without_space_around(line).empty()) headers_ended_ = true;
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return;
  headers_.push_back({std::string(line.substr(0, colon)),
                      std::string(without_space_around(line.substr(colon + 1)))});
}

std::size_t Exchange::on_body(char* data, std::size_t size, std::size_t count, void* self) {
  auto& exchange = *static_cast<Exchange*>(self);
  const std::size_t bytes = size * count;
  if (exchange.is_stream()) {
    bool room = true;
    const bool taken =
        exchange.guarded([&] { room = exchange.sending_.intake->take({data, bytes}); });
    if (taken && !room) return CURL_WRITEFUNC_PAUSE;
    return taken && !exchange.is_at_fault() ? bytes : 0;
  }
  if (bytes > exchange.max_body_ - exchange.body_.size()) {
    exchange.too_large_ = true;
    return 0;
  }
  const bool taken = exchange.guarded([&] { exchange.body_.append(data, bytes); });
  return taken ? bytes : 0;
}

bool Exchange::is_stream() const {
  if (sending_.intake == nullptr) return false;
  long status = 0;
  curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
  const auto type = std::ranges::find_if(
      headers_, [](const Header& header) { return text::same_word(header.name, "content-type"); });
  if (status != 200 || type == headers_.end()) return false;
  std::string_view value = type->value;
  return text::same_word(text::trim(text::take(value, ';')), wire::kStreamType);
}

bool Exchange::is_at_fault() noexcept {
  bool fails = true;
  guarded([&] {
    own_failure_ = sending_.intake->fault();
    fails = own_failure_.has_value();
  });
  return fails;
}

int Exchange::on_progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& exchange = *static_cast<Exchange*>(self);
  return exchange.sending_.intake != nullptr && exchange.is_at_fault() ? 1 : 0;
}

void Exchange::go_on() noexcept {
  // What comes of it at once comes of it by on_body().
  curl_easy_pause(handle_.get(), CURLPAUSE_CONT);
}

int Exchange::on_request(void* self, char*, char*, int, int) {
  auto& exchange = *static_cast<Exchange*>(self);
  return exchange.guarded([&] { exchange.sign(); }) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

void Exchange::sign() {
  auto headers = sending_.sign();
  set(handle_.get(), CURLOPT_HTTPHEADER, headers.get());
  request_headers_ = std::move(headers);
  request_sent_ = true;
}

}  // namespace dojo::detail
