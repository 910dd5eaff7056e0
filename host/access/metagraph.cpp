#include "access/metagraph.hpp"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include <dojo/model.hpp>

#include "access/metagraph_json.hpp"
#include "plugins/probe_line.hpp"

namespace dojo::access {

/// What Kami says when it has no metagraph to give. kami-client 1.2.2 (client.py:
/// check_response_for_error) finds the words in `error`, or in its `message`, or beside it.
struct ErrorJson {
  std::optional<std::string> message;
};
DOJO_MODEL(ErrorJson, message)

struct AnswerJson {
  std::optional<std::int64_t> status;
  std::optional<RawJson> error;
  std::optional<RawJson> message;
  std::optional<MetagraphJson> data;
};
DOJO_MODEL(AnswerJson, DOJO_NAMED(status, "statusCode"), error, message, data)

namespace {

constexpr std::size_t kLongestWords = 200;

/// A JSON string's text, or what stands in an object's `message`.
std::string words(const std::optional<RawJson>& json) {
  if (!json) return {};
  auto boxed = json->text.starts_with('"') ? "{\"message\":" + json->text + "}" : json->text;
  const auto read = from_json<ErrorJson>(boxed);
  return plugins::printable(read && read->message ? *read->message : json->text, kLongestWords);
}

bool says_something(const std::optional<RawJson>& error) {
  return error && error->text != "false" && error->text != "\"\"";
}

std::optional<std::string> refusal(const AnswerJson& answer) {
  const bool bad_status = answer.status && (*answer.status < 200 || *answer.status > 299);
  if (!says_something(answer.error) && !bad_status) return std::nullopt;
  auto text = words(says_something(answer.error) ? answer.error : answer.message);
  if (text.empty()) text = "no word of why";
  return answer.status ? fmt::format("Kami answers {}: {}", *answer.status, text)
                       : "Kami answers: " + text;
}

Status same_length(const MetagraphJson& json) {
  const auto count = json.hotkeys.size();
  const auto check = [&](const char* name, std::size_t size) {
    return size == count
               ? Status()
               : fail(fmt::format("{} has {} members, and hotkeys {}", name, size, count));
  };
  if (count == 0) return fail("hotkeys: there is none");
  if (auto status = check("coldkeys", json.coldkeys.size()); !status) return status;
  if (auto status = check("validatorPermit", json.permits.size()); !status) return status;
  return check("totalStake", json.stakes.size());
}

Status all_different(const MetagraphJson& json) {
  std::unordered_map<wire::PublicKey, std::size_t, KeyHash> seen;
  seen.reserve(json.hotkeys.size());
  for (std::size_t i = 0; i < json.hotkeys.size(); ++i) {
    const auto [first, inserted] = seen.emplace(json.hotkeys[i].key, i);
    if (!inserted) return fail(fmt::format("hotkeys[{}] is hotkeys[{}] again", i, first->second));
  }
  return {};
}

Result<Metagraph> assemble(const MetagraphJson& json) {
  if (auto status = same_length(json); !status) return Unexpected(status.error());
  if (auto status = all_different(json); !status) return Unexpected(status.error());
  std::vector<Neuron> neurons;
  neurons.reserve(json.hotkeys.size());
  for (std::size_t i = 0; i < json.hotkeys.size(); ++i) {
    if (json.stakes[i] < 0) return fail(fmt::format("totalStake[{}] is negative", i));
    neurons.push_back({static_cast<std::uint16_t>(i), json.hotkeys[i].key, json.coldkeys[i].key,
                       json.permits[i] != 0, json.stakes[i]});
  }
  return Metagraph(json.netuid, json.block, std::move(neurons));
}

}  // namespace

Metagraph::Metagraph(std::uint16_t netuid, std::uint64_t block, std::vector<Neuron> neurons)
    : netuid_(netuid), block_(block), neurons_(std::move(neurons)) {
  by_hotkey_.reserve(neurons_.size());
  double sum = 0;
  std::size_t validators = 0;
  for (std::size_t i = 0; i < neurons_.size(); ++i) {
    by_hotkey_.emplace(neurons_[i].hotkey, i);
    if (!neurons_[i].validator_permit || neurons_[i].stake <= 0) continue;
    sum += neurons_[i].stake;
    ++validators;
  }
  if (validators != 0) mean_validator_stake_ = sum / static_cast<double>(validators);
}

const Neuron* Metagraph::find(const wire::PublicKey& hotkey) const {
  const auto found = by_hotkey_.find(hotkey);
  return found == by_hotkey_.end() ? nullptr : &neurons_[found->second];
}

Result<Metagraph> parse_metagraph(std::string_view json) {
  auto answer = from_json<AnswerJson>(json);
  if (!answer) return Unexpected(answer.error());
  if (const auto text = refusal(*answer)) return fail(*text);
  if (answer->data) return assemble(*answer->data);
  auto bare = from_json<MetagraphJson>(json);
  if (!bare) return Unexpected(bare.error());
  return assemble(*bare);
}

std::optional<std::string> refusal_of_kami(std::string_view json) {
  const auto answer = from_json<AnswerJson>(json);
  return answer ? refusal(*answer) : std::nullopt;
}

Result<std::string> metagraph_json(const Metagraph& metagraph) {
  MetagraphJson json{.netuid = metagraph.netuid(), .block = metagraph.block()};
  for (const auto& neuron : metagraph.neurons()) {
    json.hotkeys.push_back({neuron.hotkey});
    json.coldkeys.push_back({neuron.coldkey});
    json.permits.push_back(neuron.validator_permit);
    json.stakes.push_back(neuron.stake);
  }
  return to_json(json);
}

}  // namespace dojo::access
