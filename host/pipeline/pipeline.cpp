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

/// 16 hex digits that nobody can foretell, without asking the system for each.
std::string make_request_id() {
  thread_local const auto kSecret = [] {
    std::array<unsigned char, crypto_shorthash_KEYBYTES> made{};
    crypto_shorthash_keygen(made.data());
    return made;
  }();
  thread_local std::uint64_t count = 0;
  ++count;
  std::array<unsigned char, crypto_shorthash_BYTES> hash{};
  crypto_shorthash(hash.data(), reinterpret_cast<const unsigned char*>(&count), sizeof count,
                   kSecret.data());
  std::array<char, 2 * hash.size() + 1> hex{};
  return sodium_bin2hex(hex.data(), hex.size(), hash.data(), hash.size());
}

/// Whether the body is zstd, told by the headers; an error for any other coding.
Expected<bool, Refusal> is_compressed(const boost::beast::http::fields& headers) {
  const auto count = headers.count(boost::beast::http::field::content_encoding);
  const auto coding = header(headers, "content-encoding");
  if (count == 0 || boost::beast::iequals({coding.data(), coding.size()}, "identity")) return false;
  if (boost::beast::iequals({coding.data(), coding.size()}, "zstd")) return true;
  return Unexpected(Refusal{Code::invalid_body,
                            "Unsupported Media Type: content-encoding is none or zstd, once",
                            {},
                            415});
}

/// The hotkey that a request names, whatever it may be.
std::string_view hotkey_of(const boost::beast::http::fields& headers) {
  const auto hotkey = header(headers, wire::kHotkeyHeader);
  return hotkey.empty() ? header(headers, wire::kEpistulaSignedByHeader) : hotkey;
}

}  // namespace

Pipeline::Pipeline(Authenticator& authenticator, access::Access& access,
                   const DispatchOptions& dispatch, int compression_level, const host::Log& log,
                   admin::Metrics& metrics)
    : log_(log),
      compression_level_(compression_level),
      refusals_(log, access.refusals(), [&access] { return access.now(); }),
      admitter_(authenticator, access),
      dispatcher_(dispatch, log, metrics, refusals_) {}

Expected<std::shared_ptr<Admission>, Answer> Pipeline::admit(const Head& head,
                                                             const net::IpAddress& ip,
                                                             std::string_view peer) {
  const auto received = steady_clock::now();
  auto wanted = terms(head);
  Subject subject;
  subject.ip = ip;
  subject.peer = peer;
  subject.route = route_of(head.path);
  auto admission = check(head, ip, subject);
  if (!admission) {
    subject.hotkey_text = hotkey_of(*head.headers);
    return Unexpected(refuse(wanted, admission.error(), subject));
  }
  (*admission)->terms = std::move(wanted);
  (*admission)->peer = peer;
  (*admission)->times.received = received;
  (*admission)->times.admitted = steady_clock::now();
  return std::move(*admission);
}

Expected<std::shared_ptr<Admission>, Refusal> Pipeline::check(const Head& head,
                                                              const net::IpAddress& ip,
                                                              Subject& subject) {
  auto guest = admitter_.check(head, ip, subject);
  if (!guest) return Unexpected(std::move(guest.error()));
  tell_of_dry_rules(*guest);
  if (auto refusal = check_route(head)) return Unexpected(std::move(*refusal));
  const auto compressed = is_compressed(*head.headers);
  if (!compressed) return Unexpected(compressed.error());

  auto admission = std::make_shared<Admission>();
  admission->guest = std::move(*guest);
  admission->path = head.path;
  admission->compressed = *compressed;
  return admission;
}

std::optional<Refusal> Pipeline::check_route(const Head& head) const {
  if (!routes_.has(head.path)) return kNoRoute;
  if (head.method != "POST" && head.method != "HEAD") {
    return Refusal{Code::not_found, "Method Not Allowed: use POST", {}, 405, {}, "POST, HEAD"};
  }
  if (dispatcher_.refuses_new()) return draining();
  return std::nullopt;
}

void Pipeline::take(const std::shared_ptr<Admission>& admission, std::string body,
                    std::unique_ptr<Waiting> waiting) {
  const auto& terms = admission->terms;
  auto& guest = admission->guest;
  auto refusal = admitter_.check_body(guest, body);
  const auto& caller = guest.claim.caller;
  if (!refusal) {
    ++dialects_[static_cast<std::size_t>(caller.dialect)];
    if (caller.dialect == wire::Dialect::legacy) warn_about_legacy(caller);
    if (terms.head_only) return preflight(*admission, *waiting);
  }
  // Now, not when the head came: an upload that takes its time keeps no generation from ending.
  auto route = refusal ? std::nullopt : routes_.find(admission->path);
  if (!route) {
    Subject subject{caller.key,      !refusal || guest.registered, guest.ip, caller.hotkey,
                    admission->peer, route_of(admission->path)};
    waiting->answer(refuse(terms, refusal ? *refusal : kNoRoute, subject));
    return;
  }
  auto call = std::make_unique<Call>();
  call->terms = std::move(admission->terms);
  call->caller = std::move(guest.claim.caller);
  call->weight = guest.weight;
  call->ip = guest.ip;
  call->place = std::move(guest.place);
  call->route = std::move(*route);
  call->peer = std::move(admission->peer);
  call->body = std::move(body);
  call->compressed = admission->compressed;
  call->times = admission->times;
  call->waiting = std::move(waiting);
  dispatcher_.submit(std::move(call));
}

void Pipeline::preflight(const Admission& admission, Waiting& waiting) {
  refusals_.count(Code::ok);
  log_.debug("preflight", {{"request", admission.terms.request_id},
                           {"path", admission.path},
                           {"hotkey", admission.guest.claim.caller.hotkey}});
  waiting.answer(make_answer(admission.terms, 200, Code::ok, {}, {}, {}));
}

Answer Pipeline::refuse_malformed(int status, std::string_view why) {
  const Code code = status == 413   ? Code::too_large
                    : status == 503 ? Code::overloaded
                                    : Code::malformed;
  Terms nobody;
  nobody.request_id = make_request_id();
  Subject unknown;
  return refuse(nobody, Refusal{code, std::string(why), {}, status}, unknown);
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

Answer Pipeline::refuse(const Terms& terms, const Refusal& refusal, Subject& subject) {
  subject.request_id = terms.request_id;
  refusals_.note(subject, refusal);
  return make_answer(terms, refusal);
}

Admitter::Rehearsal Pipeline::rehearse(const access::Visit& visit) {
  auto rehearsal = admitter_.rehearse(visit);
  if (!rehearsal.refusal && !routes_.has('/' + std::string(visit.route))) {
    rehearsal.refusal = kNoRoute;
  }
  if (!rehearsal.refusal && dispatcher_.refuses_new()) rehearsal.refusal = draining();
  return rehearsal;
}

void Pipeline::tell_of_dry_rules(const Guest& guest) {
  for (const auto& rule : guest.would_refuse) {
    if (!dry_rules_.take()) return;
    log_.info("would be refused", {{"hotkey", guest.claim.caller.hotkey}, {"rule", rule}});
  }
}

void Pipeline::warn_about_legacy(const Caller& caller) {
  const std::lock_guard lock(mutex_);
  if (warned_.size() >= kMostCallersWarned || !warned_.insert(caller.key).second) return;
  log_.warning("caller signs the legacy dialect, which binds a signature to nothing",
               {{"hotkey", caller.hotkey}});
}

}  // namespace dojo::pipeline
