#include "request/pipeline.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <thread>
#include <utility>

#include <sodium.h>

#include <dojo/names.hpp>

#include "base/threads.hpp"
#include "text/words.hpp"
#include "wire/hex.hpp"

namespace dojo::request {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kMostCallersWarned = 4'096;
constexpr std::size_t kProvenAtOnce = std::size_t{16} << 10;  // bytes: hashed in some 15 µs
constexpr std::size_t kMostProofs = 1'024;                    // that wait for a thread

const Refusal kNoRoute{Code::not_found, "Not Found: there is no such route"};

/// @param methods of the route, "GET POST"
Refusal other_method(std::string_view methods) {
  std::string list;
  for (const char c : methods) list += c == ' ' ? std::string(", ") : std::string(1, c);
  Refusal refusal{Code::not_found, "Method Not Allowed: use " + list, {}, 405};
  // Where the route does not answer HEAD, the host does.
  refusal.allow = takes_method(methods, "HEAD") ? list : list + ", HEAD";
  return refusal;
}

bool opens_session(const Exchange& exchange) {
  return exchange.head.path() == wire::kSessionPath && !exchange.terms.head_only;
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
  return wire::encode_hex(hash);
}

/// Whether the body is zstd, told by the headers; an error for any other coding.
Expected<bool, Refusal> is_compressed(const net::Head& head) {
  const auto coding = head.value("content-encoding");
  if (head.count("content-encoding") == 0 || text::same_word(coding, "identity")) return false;
  if (text::same_word(coding, "zstd")) return true;
  return Unexpected(Refusal{Code::invalid_body,
                            "Unsupported Media Type: content-encoding is none or zstd, once",
                            {},
                            415});
}

}  // namespace

Pipeline::Pipeline(Authenticator& authenticator, policy::Access& access,
                   std::optional<wire::Keypair> identity, const DispatchOptions& dispatch,
                   int compression_level, const base::Log& log, base::Metrics& metrics)
    : log_(log),
      authenticator_(authenticator),
      compression_level_(compression_level),
      refusals_(log, access.refusals(), [&access] { return access.now(); }),
      signer_(std::move(identity), provers_),
      admitter_(authenticator, access, signer_, log),
      dispatcher_(dispatch, log, metrics, refusals_),
      provers_({.workers = std::max(1U, std::thread::hardware_concurrency()),
                .capacity = kMostProofs,
                .run = [](Executor&, Task&&, unsigned) {}}) {}

ExchangePtr Pipeline::make() const {
  return ExchangePtr(new Exchange);
}

std::optional<net::Response> Pipeline::admit(Exchange& exchange) {
  exchange.times.received = steady_clock::now();
  exchange.asked = routes_.look_up(exchange.head.path());
  exchange.terms = terms(exchange);
  if (const auto refusal = check(exchange)) {
    refusals_.note(exchange, *refusal);
    return make_answer(exchange.terms, *refusal);
  }
  exchange.times.admitted = steady_clock::now();
  return std::nullopt;
}

std::optional<Refusal> Pipeline::check(Exchange& exchange) {
  if (auto refusal = admitter_.check(exchange)) return refusal;
  if (auto refusal = check_route(exchange)) return refusal;
  const auto compressed = is_compressed(exchange.head);
  if (!compressed) return compressed.error();
  exchange.compressed = *compressed;
  return std::nullopt;
}

std::optional<Refusal> Pipeline::check_route(const Exchange& exchange) const {
  const auto method = exchange.head.method();
  if (exchange.head.path() == wire::kSessionPath) {  // the host's own, whatever plugins there are
    if (authenticator_.sessions() == nullptr) return kNoRoute;
    if (method != "POST" && !exchange.terms.head_only) return other_method("POST");
  } else {
    if (!exchange.asked) return kNoRoute;
    if (!exchange.terms.head_only && !takes_method(exchange.asked->methods, method))
      return other_method(exchange.asked->methods);
  }
  if (dispatcher_.refuses_new()) return draining();
  return std::nullopt;
}

void Pipeline::take(const ExchangePtr& exchange) {
  if (opens_session(*exchange)) {
    if (exchange->body.size() <= Sessions::kMostBytes) return prove(exchange);
    return dispatcher_.turn_away(*exchange, {Code::too_large, "Payload Too Large: no such key"});
  }
  if (!exchange->terms.head_only) {
    // Now, not when the head came: an upload that takes its time keeps no generation from ending.
    auto route = routes_.find(exchange->head.path());
    if (!route) return dispatcher_.turn_away(*exchange, kNoRoute);
    if (!takes_method(route->info().methods, exchange->head.method()))
      return dispatcher_.turn_away(*exchange, other_method(route->info().methods));
    dispatcher_.begin(*exchange, std::move(*route));
  }
  // Reactors do no work that grows with a body, beyond what is as quick as to hand it on.
  exchange->body.size() > kProvenAtOnce ? prove_elsewhere(exchange) : prove(exchange);
}

void Pipeline::prove(const ExchangePtr& exchange) {
  if (const auto refusal = admitter_.check_body(*exchange))
    return dispatcher_.turn_away(*exchange, *refusal);
  exchange->times.proven = steady_clock::now();
  const auto& caller = exchange->caller();
  ++dialects_[static_cast<std::size_t>(caller.dialect)];
  if (caller.dialect == wire::Dialect::legacy) warn_about_legacy(caller);
  if (exchange->claim.session) ++on_sessions_;
  if (exchange->terms.head_only) return preflight(*exchange);
  opens_session(*exchange) ? open_session(*exchange) : dispatcher_.submit(exchange);
}

void Pipeline::prove_elsewhere(const ExchangePtr& exchange) {
  struct Proof {
    Pipeline& pipeline;
    ExchangePtr exchange;
  };
  auto proof = std::make_unique<Proof>(Proof{*this, exchange});
  Task task;
  task.arrived = exchange->times.whole;
  task.job.data = proof.get();
  task.job.run = [](void* data, std::int32_t cancelled) {
    const std::unique_ptr<Proof> own(static_cast<Proof*>(data));
    threads::guard(
        [&] {
          if (cancelled != 0)
            return own->pipeline.dispatcher_.turn_away(*own->exchange, draining());
          if (!own->exchange->gone()) own->pipeline.prove(own->exchange);
        },
        [](std::string_view) {});
    // For want of memory nobody may have answered, or taken it up: then this does, with 500.
    if (own->exchange->stage() == Stage::coming) own->exchange->take_responder();
  };
  const auto pushed = provers_.push(std::move(task));
  if (!pushed) return dispatcher_.turn_away(*exchange, overloaded(pushed.wait));
  [[maybe_unused]] const auto* const handed_on = proof.release();
}

void Pipeline::preflight(Exchange& exchange) {
  log_.debug("preflight", {{"request", exchange.terms.request_id},
                           {"path", exchange.head.path()},
                           {"hotkey", exchange.caller().hotkey}});
  answer(exchange, {});
}

void Pipeline::open_session(Exchange& exchange) {
  const auto* sessions = authenticator_.sessions();
  if (sessions == nullptr) return dispatcher_.turn_away(exchange, kNoRoute);
  const auto opened = sessions->open(exchange.claim, exchange.body);
  if (!opened) return dispatcher_.turn_away(exchange, opened.error());
  log_.debug("session opened",
             {{"request", exchange.terms.request_id}, {"hotkey", exchange.caller().hotkey}});
  answer(exchange, *opened);
}

/// What needs no plugin.
void Pipeline::answer(Exchange& exchange, std::string_view body) {
  refusals_.count(Code::ok);
  send_by_pool(exchange, exchange.take_responder(),
               make_answer(exchange.terms, 200, Code::ok, body, {}, {}));
}

net::Response Pipeline::refuse_malformed(int status, std::string_view why) {
  const Code code = status == 413   ? Code::too_large
                    : status == 503 ? Code::overloaded
                                    : Code::malformed;
  Terms nobody;
  nobody.request_id = make_request_id();
  const Refusal refusal{code, std::string(why), {}, status};
  refusals_.note(nobody.request_id, refusal);
  return make_answer(nobody, refusal);
}

Terms Pipeline::terms(const Exchange& exchange) const {
  const auto& head = exchange.head;
  Terms terms;
  const auto id = head.value(wire::kRequestIdHeader);
  terms.request_id = text::is_request_id(id) ? std::string(id) : make_request_id();
  terms.style = speaks_btauth(head) ? Style::bare : Style::envelope;
  head.for_each("accept-encoding", [&](std::string_view value) {
    terms.accepts_zstd = terms.accepts_zstd || accepts_zstd(value);
  });
  terms.head_only =
      head.is_head() && !(exchange.asked && takes_method(exchange.asked->methods, "HEAD"));
  terms.compression_level = compression_level_;
  return terms;
}

Admitter::Rehearsal Pipeline::rehearse(const policy::Visit& visit) {
  auto rehearsal = admitter_.rehearse(visit);
  if (!rehearsal.refusal && !routes_.has(visit.route)) rehearsal.refusal = kNoRoute;
  if (!rehearsal.refusal && dispatcher_.refuses_new()) rehearsal.refusal = draining();
  return rehearsal;
}

void Pipeline::warn_about_legacy(const Caller& caller) {
  const std::lock_guard lock(mutex_);
  if (warned_.size() >= kMostCallersWarned || !warned_.insert(caller.key).second) return;
  log_.warning("caller signs the legacy dialect, which binds a signature to nothing",
               {{"hotkey", caller.hotkey}});
}

}  // namespace dojo::request
