// The headers of a request: what signs it, what describes it, what the caller adds.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <curl/curl.h>

#include <dojo/client/options.hpp>
#include <dojo/result.hpp>
#include <dojo/wire/keypair.hpp>

#include "payload.hpp"
#include "session.hpp"
#include "target.hpp"

namespace dojo::detail {

/// A libcurl header list.
class HeaderList {
 public:
  void add(std::string_view name, std::string_view value);
  /// libcurl's own header of that name is not sent.
  void suppress(std::string_view name);
  [[nodiscard]] curl_slist* get() const { return list_.get(); }

 private:
  void append(const std::string& line);
  std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> list_{nullptr, curl_slist_free_all};
};

/// What requests are dated with.
std::chrono::sys_time<std::chrono::milliseconds> wall_clock();

/// Checks what a caller may set: extra headers, the request id, the legacy message, the receiver.
/// @param key who signs @return an error that names what is wrong.
Status check_options(const SendOptions& options, wire::Dialect dialect, const wire::PublicKey& key);

/// Checks what is to be sent with Client::request().
Status check_request(const Request& request);

/// Headers of a request of `payload`, or of a HEAD if that is null, signed anew. `options` were
/// checked.
HeaderList sign_request(const wire::Keypair& key, std::string_view address, wire::Dialect dialect,
                        const Target& target, const Payload* payload, const SendOptions& options);

/// The same in btauth/1. @param sent becomes what was signed
HeaderList sign_btauth(const wire::Keypair& key, std::string_view address, const Target& target,
                       const PayloadPtr& payload, const SendOptions& options,
                       std::optional<SignedRequest>& sent);

/// The same of a request on a session, counted there.
HeaderList tag_request(Session& session, const Target& target, const Payload* payload,
                       const SendOptions& options);

}  // namespace dojo::detail
