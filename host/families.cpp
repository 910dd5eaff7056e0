#include "families.hpp"

#include <chrono>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>

namespace dojo::host {
namespace {

using base::Family;
using Labels = std::vector<std::pair<std::string, std::string>>;

class Builder {
 public:
  base::Family& counter(std::string name, std::string help) {
    return add(std::move(name), std::move(help), Family::Kind::counter);
  }
  void counter(std::string name, std::string help, std::uint64_t value) {
    set(counter(std::move(name), std::move(help)), {}, value);
  }
  base::Family& gauge(std::string name, std::string help) {
    return add(std::move(name), std::move(help), Family::Kind::gauge);
  }
  void gauge(std::string name, std::string help, double value) {
    gauge(std::move(name), std::move(help)).samples.push_back({{}, value});
  }
  base::Family& histogram(std::string name, std::string help) {
    return add(std::move(name), std::move(help), Family::Kind::histogram);
  }
  static void set(base::Family& family, Labels labels, std::uint64_t value) {
    family.samples.push_back({std::move(labels), static_cast<double>(value)});
  }
  std::vector<base::Family> take() { return std::move(families_); }

 private:
  base::Family& add(std::string name, std::string help, Family::Kind kind) {
    return families_.emplace_back(base::Family{std::move(name), std::move(help), kind, {}});
  }
  std::vector<base::Family> families_;
};

void add_connections(Builder& out, const net::Counters& net) {
  out.counter("dojo_connections_total", "Connections accepted", net.accepted);
  out.counter("dojo_connections_refused_total", "Connections turned away by a limit", net.refused);
  out.counter("dojo_connections_shut_out_total",
              "Connections closed at once, for their address's failed requests", net.shut_out);
  out.counter("dojo_connections_gave_way_total",
              "Connections of whoever held most of a budget, ended for callers who hold little",
              net.gave_way);
  out.gauge("dojo_connections_open", "Connections now", static_cast<double>(net.open));
}

void add_budgets(Builder& out, const net::Budgets& net, const request::Pipeline& pipeline) {
  const std::pair<const char*, const base::Budget*> budgets[] = {
      {"connections", &net.connections},
      {"request_bytes", &net.request_bytes},
      {"response_bytes", &net.response_bytes},
      {"decompressed_bytes", &pipeline.dispatcher().plain_bytes()},
      {"in_flight", &pipeline.dispatcher().slots()}};
  auto& held = out.gauge("dojo_budget_held", "What callers hold of what they share");
  for (const auto& [name, budget] : budgets) Builder::set(held, {{"budget", name}}, budget->held());
  auto& limit = out.gauge("dojo_budget_limit", "What there is of it");
  for (const auto& [name, budget] : budgets)
    Builder::set(limit, {{"budget", name}}, budget->limit());
  auto& refused = out.counter("dojo_budget_refused_total",
                              "How often a caller got no more of it, since it had its share");
  for (const auto& [name, budget] : budgets)
    Builder::set(refused, {{"budget", name}}, budget->refused());
}

void add_answers(Builder& out, const request::Pipeline& pipeline) {
  auto& answers = out.counter("dojo_answers_total", "Answers given, by code");
  for (std::size_t i = 0; i < kCodeWords.size(); ++i) {
    Builder::set(answers, {{"code", std::string(kCodeWords[i])}}, pipeline.refusals().counts()[i]);
  }
  auto& refusals = out.counter("dojo_refusals_total", "Refusals, by code and by what made them");
  for (auto& [code, rule, count] : pipeline.refusals().by_rule()) {
    Builder::set(refusals, {{"code", std::string(to_string(code))}, {"rule", std::move(rule)}},
                 count);
  }
  auto& dialects =
      out.counter("dojo_requests_total", "Requests that proved who sent them, by dialect");
  for (const auto dialect : wire::kDialects) {
    Builder::set(dialects, {{"dialect", std::string(to_string(dialect))}},
                 pipeline.dialects()[static_cast<std::size_t>(dialect)]);
  }
  auto& streams = out.counter("dojo_streams_total", "Answers in chunks, by how they ended");
  Builder::set(streams, {{"end", "whole"}}, pipeline.dispatcher().whole_streams());
  Builder::set(streams, {{"end", "broken"}}, pipeline.dispatcher().broken_streams());
  out.counter("dojo_signed_answers_total", "Answers that the host's hotkey has signed",
              pipeline.signed_answers());
}

void add_stages(Builder& out, const request::StageTimes& times) {
  using request::StageTimes;
  const auto seconds = [](StageTimes::Duration time) {
    return std::chrono::duration<double>(time).count();
  };
  auto& stages = out.histogram("dojo_request_stage_seconds",
                               "What the stages of a request took, of one answer in 16");
  for (std::size_t i = 0; i < StageTimes::kStages.size(); ++i) {
    const auto read = times.read(i);
    base::Family::Sample sample{{{"stage", std::string(StageTimes::kStages[i])}},
                                seconds(read.sum)};
    for (std::size_t b = 0; b < read.buckets.size(); ++b) {
      const bool last = b == StageTimes::kBounds.size();
      sample.buckets.push_back(
          {last ? std::numeric_limits<double>::infinity() : seconds(StageTimes::kBounds[b]),
           read.buckets[b]});
    }
    stages.samples.push_back(std::move(sample));
  }
}

void add_rules(Builder& out, policy::Access& access) {
  auto& rules =
      out.counter("dojo_rule_matches_total",
                  "Requests that a rule decided, or would have decided if it were not dry");
  for (const auto& row : access.rulebook().list()) {
    if (row.matched == 0) continue;
    Builder::set(rules,
                 {{"rule", row.rule.name},
                  {"action", row.rule.action == policy::Action::allow ? "allow" : "deny"},
                  {"dry_run", row.rule.dry_run ? "true" : "false"}},
                 row.matched);
  }
}

void add_metagraph(Builder& out, policy::Access& access) {
  const auto status = access.metagraph().status();
  if (status.age) {
    out.gauge("dojo_metagraph_age_seconds", "Since the metagraph was read",
              static_cast<double>(status.age->count()));
  }
  out.gauge("dojo_metagraph_block", "The block of the metagraph",
            static_cast<double>(status.block));
  out.gauge("dojo_metagraph_neurons", "Hotkeys in the metagraph",
            static_cast<double>(status.neurons));
  out.counter("dojo_metagraph_readings_total", "Good readings of the metagraph", status.readings);
  out.counter("dojo_metagraph_failures_total", "Readings of the metagraph that failed",
              status.failures);
}

void add_quotas(Builder& out, policy::Access& access) {
  const auto sizes = access.quotas().sizes();
  out.gauge("dojo_quota_hotkeys", "Hotkeys of which account is kept",
            static_cast<double>(sizes.hotkeys));
  out.gauge("dojo_quota_addresses", "Addresses of which account is kept",
            static_cast<double>(sizes.ips));
  out.counter("dojo_quota_forgotten_total",
              "Accounts that had to go before they were settled: raise quota.entries",
              sizes.forgotten);
}

void add_replay(Builder& out, const policy::ReplayMemory& seen) {
  using Kind = policy::ReplayMemory::Kind;
  const std::pair<const char*, policy::ReplayMemory::Sizes> stores[] = {
      {"nonces", seen.sizes(Kind::nonce)}, {"legacy", seen.sizes(Kind::legacy)}};
  auto& evicted =
      out.counter("dojo_replay_evicted_total",
                  "Proofs forgotten before their time, for want of room: raise auth.*_mb");
  for (const auto& [name, sizes] : stores) Builder::set(evicted, {{"store", name}}, sizes.evicted);
  auto& crowded_out = out.counter("dojo_replay_crowded_out_total",
                                  "Of these, those that went for another signer's");
  for (const auto& [name, sizes] : stores) {
    Builder::set(crowded_out, {{"store", name}}, sizes.crowded_out);
  }
  auto& entries = out.gauge("dojo_replay_entries", "Proofs remembered, so that they count once");
  for (const auto& [name, sizes] : stores) Builder::set(entries, {{"store", name}}, sizes.entries);
}

void add_known_keys(Builder& out, const wire::KnownKeys::Sizes& keys) {
  out.gauge("dojo_known_keys", "Hotkeys whose signatures are checked the quick way",
            static_cast<double>(keys.known));
  out.counter("dojo_known_keys_forgotten_total",
              "Hotkeys that were, and had to make room for others", keys.forgotten);
}

void add_sessions(Builder& out, const policy::SessionStore::Sizes& sessions,
                  const request::Pipeline& pipeline) {
  out.gauge("dojo_sessions", "Sessions that are open", static_cast<double>(sessions.open));
  out.counter("dojo_sessions_opened_total", "Sessions that were opened", sessions.opened);
  out.counter("dojo_sessions_evicted_total",
              "Sessions that had to make room before they were over: raise auth.sessions_total",
              sessions.evicted);
  out.counter("dojo_session_requests_total",
              "Requests that proved who sent them on a session, without a signature",
              pipeline.on_sessions());
}

}  // namespace

std::vector<base::Family> families_of(const net::Counters& net, const net::Budgets& budgets,
                                      const request::Pipeline& pipeline,
                                      const policy::ReplayMemory& seen,
                                      const wire::KnownKeys::Sizes& known_keys,
                                      const policy::SessionStore::Sizes& sessions,
                                      policy::Access& access) {
  Builder out;
  add_connections(out, net);
  add_budgets(out, budgets, pipeline);
  add_answers(out, pipeline);
  add_stages(out, pipeline.stage_times());
  add_rules(out, access);
  add_metagraph(out, access);
  add_quotas(out, access);
  add_replay(out, seen);
  add_known_keys(out, known_keys);
  add_sessions(out, sessions, pipeline);
  return out.take();
}

}  // namespace dojo::host
