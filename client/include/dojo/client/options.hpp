// How a client, a request and a batch behave. The defaults are the published Python client's,
// except where docs/client.md says otherwise.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dojo/client/response.hpp>
#include <dojo/result.hpp>
#include <dojo/wire/compression.hpp>
#include <dojo/wire/dialect.hpp>
#include <dojo/wire/ss58.hpp>

namespace dojo {

/// Bodies over this many encoded bytes are announced by a HEAD first, where the preflight is
/// `automatic`: below it the HEAD costs more than it could save.
inline constexpr std::size_t kPreflightThreshold = std::size_t{64} << 10;

struct ClientOptions {
  wire::Dialect dialect = wire::Dialect::dojo1;
  /// dojo/1 requests that name a receiver: asks each receiver once for a session, and once there is
  /// one sends a keyed hash instead of a signature (docs/wire.md). Where there is none they are
  /// signed.
  bool sessions = false;
  std::size_t max_connections = 256;          ///< requests on their way at once, at least 1
  std::size_t max_connections_per_host = 10;  ///< the same for one scheme, host and port
  int compression_level = wire::kDefaultCompressionLevel;
  std::size_t max_response_bytes = std::size_t{16} << 20;  ///< of a body as it comes
  std::size_t max_decoded_bytes = std::size_t{16} << 20;   ///< of a body after decompression
  std::string user_agent = {};                             ///< empty: `dojo/<version>`
  bool insecure_tls = false;  ///< takes any https certificate, as the Python client does
  std::string ca_file = {};   ///< PEM file to trust for https; empty: the system's
  /// Such as `http://10.0.0.1:3128`. Empty: none. The environment's proxies are never used.
  std::string proxy = {};
};

/// Who a request is for, in dialects that name it: a public key, or an SS58 address, which is
/// checked when the request is sent.
class Receiver {
 public:
  Receiver(const wire::PublicKey& key) : key_(key) {}  // NOLINT(google-explicit-constructor)
  template <std::convertible_to<std::string_view> Text>
  Receiver(const Text& ss58) {  // NOLINT(google-explicit-constructor)
    auto address = wire::decode_ss58(ss58);
    if (address) {
      key_ = address->key;
    } else {
      key_ = Unexpected(std::move(address.error()));
    }
  }
  [[nodiscard]] const Result<wire::PublicKey>& key() const { return key_; }

 private:
  Result<wire::PublicKey> key_;
};

/// A request that is no model's.
struct Request {
  std::string method = "GET";     ///< 1 to 16 capital letters
  std::string content_type = {};  ///< empty: none is sent
  std::string body = {};          ///< plain; SendOptions::compress says how it goes
};

/// Whether a HEAD asks for admission before the POST.
enum class Preflight : std::uint8_t {
  automatic,  ///< only where the encoded body is over kPreflightThreshold; never in btauth/1
  always,     ///< what the Python client does
  never,
};

/// What a streamed answer may take.
struct StreamLimits {
  std::chrono::milliseconds idle{30'000};       ///< between two chunks, while they are waited for
  std::chrono::milliseconds max_time{600'000};  ///< in all
  std::uint64_t max_bytes = std::uint64_t{64} << 20;
};

struct SendOptions {
  /// The receiver's hotkey, signed into a dojo/1 or btauth/1 request; nothing signs it for any
  /// receiver, which a host takes only if it is configured so. Not used by the legacy dialect.
  std::optional<Receiver> to = {};

  /// For one attempt: its HEAD and POST together, without the wait for a free connection. Of a
  /// stream, until it begins.
  std::chrono::milliseconds timeout{10'000};
  /// Counts attempts, as in the Python client: 1 does not try again. A kept connection that broke
  /// before a byte of the answer came is replaced at once, and not counted.
  int max_retries = 2;
  /// The wait before attempt n+1 is min(wait_exponential_factor · 2^(n−1), max_wait).
  std::chrono::milliseconds max_wait{4'000};
  double wait_exponential_factor = 2;  ///< seconds
  bool jitter = false;                 ///< waits a random part of that wait instead
  /// A longer `Retry-After` is cut to this. A shorter one never makes the wait shorter.
  std::chrono::milliseconds max_retry_after{30'000};

  StreamLimits stream = {};  ///< for who reads streams: Client::open_stream()
  Preflight preflight = Preflight::automatic;
  /// btauth/1, with a receiver: the answer has to be signed by it (`twresp/1`). One that is not, or
  /// not rightly, is SendError::Kind::unproven, and no answer; an error status may go without. What
  /// proves the answer to others is kept in ClientResponse::request: see dojo/client/proof.hpp.
  bool proof = false;
  /// zstd for the request, and asked for in the answer; in btauth/1 neither, whatever it says.
  bool compress = true;
  /// Sent as they are. Names that sign (in any dialect), frame or encode the request are refused,
  /// as are control characters.
  std::vector<Header> headers = {};
  std::optional<wire::Dialect> dialect = {};  ///< instead of the client's
  /// Signed in the legacy dialect: wire::legacy_message() of the client's own hotkey, under
  /// whatever prefix. Anything else is an error, as is any with another dialect, since a signature
  /// is to mean nothing but what it was made for.
  std::optional<std::string> message = {};
  std::string request_id = {};  ///< sent as `x-request-id` if not empty
  /// Cancels at any moment: in the queue, on the way, in the wait for the next attempt.
  std::stop_token stop = {};
};

/// @tparam Answer the model of the answers, or RawJson.
template <class Answer>
struct BatchOptions {
  SendOptions send = {};  ///< for every request
  /// Requests of this batch that are under way at once, from the first attempt to the last, waits
  /// between them included. 0: as many as there are connections.
  std::size_t concurrency = 0;
  /// A receiver for each url, in their order; empty: `send.to` for all.
  std::vector<std::optional<Receiver>> receivers = {};
  /// Called for each answer as it arrives, on the client's thread for that. While it runs, requests
  /// are sent and answers received, but no other is handed over: wait for nothing of this client.
  /// What it throws is dropped; the answer is in the batch's result all the same.
  std::function<void(std::size_t index, const StdResponse<Answer>& response)> on_result = {};
};

}  // namespace dojo
