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

/// `http://` before it where there is no scheme.
Result<std::string> with_scheme(std::string_view url) {
  if (!is_visible_ascii(url)) {
    return fail(fmt::format("url \"{}\": percent-encode spaces and what is not ASCII", url),
                Code::malformed);
  }
  std::string whole = url.find("://") == std::string_view::npos ? "http://" : "";
  whole += url;
  // libcurl would take `http:///Echo` for the host `Echo`.
  const auto scheme_end = whole.find("://");
  if (scheme_end + 3 == whole.size() || whole[scheme_end + 3] == '/') {
    return fail(fmt::format("url \"{}\": no host in it", url), Code::malformed);
  }
  return whole;
}

/// @param given the url that complaints name
Result<Target> parse_target(std::string url, std::string_view given) {
  const CurlUrl parsed(curl_url(), curl_url_cleanup);
  const auto rc = curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(),
                               CURLU_PATH_AS_IS | CURLU_DISALLOW_USER | CURLU_NON_SUPPORT_SCHEME);
  if (rc != CURLUE_OK) {
    return fail(fmt::format("url \"{}\": {}", given,
                            rc == CURLUE_USER_NOT_ALLOWED ? "no user and password in a miner's url"
                                                          : curl_url_strerror(rc)),
                Code::malformed);
  }
  const auto scheme = part(parsed.get(), CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") {
    return fail(fmt::format("url \"{}\": only http and https", given), Code::malformed);
  }
  Target target;
  target.path = part(parsed.get(), CURLUPART_PATH);
  target.host = fmt::format("{}://{}:{}", scheme, part(parsed.get(), CURLUPART_HOST),
                            part(parsed.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT));
  target.url = std::move(url);
  return target;
}

}  // namespace

Target Target::at(std::string_view suffix) const {
  Target other{
      .url = base + std::string(suffix), .path = {}, .query = {}, .host = host, .base = base};
  const auto prefix = base.find('/', base.find("://") + 3);
  if (prefix != std::string::npos) other.path = base.substr(prefix);
  other.path += suffix;
  return other;
}

Result<Target> make_target(std::string_view url, std::string_view model) {
  if (!is_route_name(model)) {
    return fail(fmt::format("model name \"{}\": only letters, digits, '_', '-' and '.'", model),
                Code::malformed);
  }
  if (url.find_first_of("?#") != std::string_view::npos) {
    return fail(fmt::format("url \"{}\": a miner's url has no query and no fragment", url),
                Code::malformed);
  }
  auto base = with_scheme(url);
  if (!base) return Unexpected(std::move(base.error()));
  while (base->ends_with('/')) base->pop_back();
  auto target = parse_target(fmt::format("{}/{}", *base, model), url);
  if (target) target->base = std::move(*base);
  return target;
}

Result<Target> make_target(std::string_view url) {
  if (url.find('#') != std::string_view::npos) {
    return fail(fmt::format("url \"{}\": leave out the fragment; it is never sent", url),
                Code::malformed);
  }
  auto whole = with_scheme(url);
  if (!whole) return Unexpected(std::move(whole.error()));
  auto target = parse_target(*whole, url);
  if (!target) return target;
  target->base = whole->substr(0, whole->find_first_of("/?", whole->find("://") + 3));
  const auto query = whole->find('?');
  if (query != std::string::npos) target->query = whole->substr(query);
  return target;
}

}  // namespace dojo::detail
