#include "pipeline/pipeline.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/field.hpp>
#include <fmt/format.h>
#include <sodium.h>

namespace dojo::pipeline {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kLongestRequestId = 64;
constexpr std::size_t kMostCallersWarned = 4'096;

const Refusal kNoRoute{Code::not_found, "Not Found: there is no such route"};

bool is_request_id(std::string_view text) {
  return !text.empty() && text.size() <= kLongestRequestId &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == ':';
         });
}

std::string make_request_id() {
  std::array<unsigned char, 8> random{};
  randombytes_buf(random.data(), random.size());
  std::array<char, 2 * random.size() + 1> hex{};
  return sodium_bin2hex(hex.data(), hex.size(), random.data(), random.size());
}

/// Whether the body is zstd, told by the headers; an error for any other coding.
tl::expected<bool, Refusal> is_compressed(const boost::beast::http::fields& headers) {
  const auto count = headers.count(boost::beast::http::field::content_encoding);
  const auto coding = header(headers, "content-encoding");
  if (count == 0 || boost::beast::iequals({coding.data(), coding.size()}, "identity")) return false;
  if (boost::beast::iequals({coding.data(), coding.size()}, "zstd")) return true;
  return tl::unexpected(Refusal{Code::invalid_body,
                                "Unsupported Media Type: content-encoding is none or zstd, once",
                                {},
                                415});
}

}  // namespace

Pipeline::Pipeline(AuthOptions auth, const DispatchOptions& dispatch, int compression_level,
                   const wire::PublicKey& self, const host::Log& log, admin::Metrics& metrics,
                   std::function<WallTime()> now)
    : log_(log),
      compression_level_(compression_level),
      authenticator_(std::move(auth), self, std::move(now)),
      dispatcher_(dispatch, log, metrics, counts_) {}

tl::expected<std::shared_ptr<Admission>, Answer> Pipeline::admit(const Head& head,
                                                                 std::string_view peer) {
  const auto received = steady_clock::now();
  auto wanted = terms(head);
  auto admission = check(head);
  if (!admission) {
    return tl::unexpected(
        refuse(wanted, admission.error(), peer, header(*head.headers, wire::kHotkeyHeader)));
  }
  (*admission)->terms = std::move(wanted);
  (*admission)->peer = peer;
  (*admission)->times.received = received;
  (*admission)->times.admitted = steady_clock::now();
  return std::move(*admission);
}

tl::expected<std::shared_ptr<Admission>, Refusal> Pipeline::check(const Head& head) {
  auto caller = authenticator_.check(head);
  if (!caller) return tl::unexpected(std::move(caller.error()));
  if (!routes_.has(head.path)) return tl::unexpected(kNoRoute);
  if (head.method != "POST" && head.method != "HEAD") {
    return tl::unexpected(
        Refusal{Code::not_found, "Method Not Allowed: use POST", {}, 405, {}, "POST, HEAD"});
  }
  if (dispatcher_.refuses_new()) return tl::unexpected(draining());
  const auto compressed = is_compressed(*head.headers);
  if (!compressed) return tl::unexpected(compressed.error());
  if (caller->dialect == wire::Dialect::legacy) warn_about_legacy(*caller);

  auto admission = std::make_shared<Admission>();
  admission->caller = std::move(*caller);
  admission->path = head.path;
  admission->compressed = *compressed;
  return admission;
}

void Pipeline::take(const std::shared_ptr<Admission>& admission, std::string body,
                    std::unique_ptr<Waiting> waiting) {
  const auto& terms = admission->terms;
  if (auto refusal = Authenticator::check_body(admission->caller, body)) {
    waiting->answer(refuse(terms, *refusal, admission->peer, admission->caller.hotkey));
    return;
  }
  if (terms.head_only) {
    ++counts_[static_cast<std::size_t>(Code::ok)];
    log_.debug("preflight", {{"request", terms.request_id},
                             {"path", admission->path},
                             {"hotkey", admission->caller.hotkey}});
    waiting->answer(make_answer(terms, 200, Code::ok, {}, {}, {}));
    return;
  }
  // Now, not when the head came: an upload that takes its time keeps no generation from ending.
  auto route = routes_.find(admission->path);
  if (!route) {
    waiting->answer(refuse(terms, kNoRoute, admission->peer, admission->caller.hotkey));
    return;
  }
  auto call = std::make_unique<Call>();
  call->terms = std::move(admission->terms);
  call->caller = std::move(admission->caller);
  call->route = std::move(*route);
  call->peer = std::move(admission->peer);
  call->body = std::move(body);
  call->compressed = admission->compressed;
  call->times = admission->times;
  call->waiting = std::move(waiting);
  dispatcher_.submit(std::move(call));
}

Answer Pipeline::refuse_malformed(int status, std::string_view why) {
  const Code code = status == 413   ? Code::too_large
                    : status == 503 ? Code::overloaded
                                    : Code::malformed;
  Terms nobody;
  nobody.request_id = make_request_id();
  return refuse(nobody, Refusal{code, std::string(why), {}, status}, {}, {});
}

Terms Pipeline::terms(const Head& head) const {
  Terms terms;
  const auto id = header(*head.headers, wire::kRequestIdHeader);
  terms.request_id = is_request_id(id) ? std::string(id) : make_request_id();
  const auto codings = head.headers->equal_range(boost::beast::http::field::accept_encoding);
  for (auto line = codings.first; line != codings.second; ++line) {
    terms.accepts_zstd =
        terms.accepts_zstd || accepts_zstd({line->value().data(), line->value().size()});
  }
  terms.head_only = head.method == "HEAD";
  terms.compression_level = compression_level_;
  return terms;
}

Answer Pipeline::refuse(const Terms& terms, const Refusal& refusal, std::string_view peer,
                        std::string_view hotkey) {
  ++counts_[static_cast<std::size_t>(refusal.code)];
  if (refusals_.take()) {  // the counts have them all
    log_.info("refused", {{"request", terms.request_id},
                          {"peer", peer},
                          {"hotkey", hotkey.substr(0, 64)},
                          {"code", to_string(refusal.code)},
                          {"reason", refusal.reason.empty() ? refusal.told : refusal.reason}});
  }
  return make_answer(terms, refusal);
}

void Pipeline::warn_about_legacy(const Caller& caller) {
  const std::lock_guard lock(mutex_);
  if (warned_.size() >= kMostCallersWarned || !warned_.insert(caller.key).second) return;
  log_.warning("caller signs the legacy dialect, which binds a signature to nothing",
               {{"hotkey", caller.hotkey}});
}

}  // namespace dojo::pipeline
