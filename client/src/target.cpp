#include "target.hpp"

#include <algorithm>
#include <memory>

#include <curl/curl.h>
#include <fmt/format.h>

namespace dojo::detail {
namespace {

using CurlUrl = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

std::string part(CURLU* url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, flags) != CURLUE_OK) return {};
  const std::unique_ptr<char, decltype(&curl_free)> owner(text, curl_free);
  return text;
}

bool is_route_name(std::string_view model) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  };
  return !model.empty() && model != "." && model != ".." && std::ranges::all_of(model, allowed);
}

bool is_visible_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

std::string_view Target::base() const {
  return std::string_view(url).substr(0, url.rfind('/'));
}

Target Target::at(std::string_view suffix) const {
  return {std::string(base()).append(suffix), path.substr(0, path.rfind('/')).append(suffix), host};
}

Result<Target> make_target(std::string_view url, std::string_view model) {
  if (!is_route_name(model)) {
    return fail(fmt::format("model name \"{}\": only letters, digits, '_', '-' and '.'", model),
                Code::malformed);
  }
  if (!is_visible_ascii(url)) {
    return fail(fmt::format("url \"{}\": percent-encode spaces and what is not ASCII", url),
                Code::malformed);
  }
  if (url.find_first_of("?#") != std::string_view::npos) {
    return fail(fmt::format("url \"{}\": a miner's url has no query and no fragment", url),
                Code::malformed);
  }
  Target target;
  if (url.find("://") == std::string_view::npos) target.url = "http://";
  target.url += url;
  while (target.url.ends_with('/')) target.url.pop_back();
  // libcurl would take `http:///Echo` for the host `Echo`.
  const auto scheme_end = target.url.find("://");
  if (scheme_end == std::string::npos || target.url[scheme_end + 3] == '/') {
    return fail(fmt::format("url \"{}\": no host in it", url), Code::malformed);
  }
  target.url += '/';
  target.url += model;

  const CurlUrl parsed(curl_url(), curl_url_cleanup);
  const auto rc = curl_url_set(parsed.get(), CURLUPART_URL, target.url.c_str(),
                               CURLU_PATH_AS_IS | CURLU_DISALLOW_USER | CURLU_NON_SUPPORT_SCHEME);
  if (rc != CURLUE_OK) {
    return fail(fmt::format("url \"{}\": {}", url,
                            rc == CURLUE_USER_NOT_ALLOWED ? "no user and password in a miner's url"
                                                          : curl_url_strerror(rc)),
                Code::malformed);
  }
  const auto scheme = part(parsed.get(), CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") {
    return fail(fmt::format("url \"{}\": only http and https", url), Code::malformed);
  }
  target.path = part(parsed.get(), CURLUPART_PATH);
  target.host = fmt::format("{}://{}:{}", scheme, part(parsed.get(), CURLUPART_HOST),
                            part(parsed.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT));
  return target;
}

}  // namespace dojo::detail
