#include "retry.hpp"

#include <algorithm>
#include <cmath>

namespace dojo::detail {

SendError::Kind kind_of(CURLcode code) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return SendError::Kind::timeout;
    case CURLE_FILESIZE_EXCEEDED:
      return SendError::Kind::too_large;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_USE_SSL_FAILED:
      return SendError::Kind::tls;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_FUNCTION_ARGUMENT:
      return SendError::Kind::invalid_request;
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
      return SendError::Kind::internal;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
      return SendError::Kind::bad_response;
    default:
      return SendError::Kind::connection;
  }
}

bool is_worth_retrying(SendError::Kind kind) {
  return kind == SendError::Kind::connection || kind == SendError::Kind::timeout;
}

bool is_worth_retrying(int status) {
  switch (status) {
    case 408:
    case 425:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
      return true;
    default:
      return false;
  }
}

std::chrono::milliseconds wait_before_next(int made, const SendOptions& options,
                                           std::chrono::seconds retry_after,
                                           std::mt19937_64& random) {
  using std::chrono::milliseconds;
  const double longest = static_cast<double>(options.max_wait.count());
  double wait =
      std::min(std::ldexp(options.wait_exponential_factor * 1000, std::min(made - 1, 60)), longest);
  if (options.jitter) wait = std::uniform_real_distribution<>(0, wait)(random);
  const auto asked = std::min<milliseconds>(std::min(retry_after, std::chrono::seconds(86'400)),
                                            options.max_retry_after);
  return std::max(milliseconds(static_cast<milliseconds::rep>(wait)), asked);
}

}  // namespace dojo::detail
