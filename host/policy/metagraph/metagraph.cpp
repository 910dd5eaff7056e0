#include "policy/metagraph/metagraph.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include <dojo/model.hpp>

#include "policy/metagraph/metagraph_json.hpp"
#include "text/byte_order_mark.hpp"
#include "text/terminal.hpp"

namespace dojo::policy {

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
  return text::printable(read && read->message ? *read->message : json->text, kLongestWords);
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

/// What is wrong with one neuron; nothing: it can be used.
std::optional<std::string> fault_of(const MetagraphJson& json, std::size_t uid) {
  if (!json.hotkeys[uid].is_address) return fmt::format("hotkeys[{}] is no SS58 address", uid);
  if (!json.coldkeys[uid].is_address) return fmt::format("coldkeys[{}] is no SS58 address", uid);
  if (json.stakes[uid] < 0) return fmt::format("totalStake[{}] is negative", uid);
  return std::nullopt;
}

Result<Metagraph> assemble(const MetagraphJson& json) {
  if (auto status = same_length(json); !status) return Unexpected(status.error());
  std::vector<Neuron> neurons;
  neurons.reserve(json.hotkeys.size());
  Metagraph::Broken broken;
  for (std::size_t i = 0; i < json.hotkeys.size(); ++i) {
    auto& neuron = neurons.emplace_back();
    neuron.uid = static_cast<std::uint16_t>(i);
    if (auto fault = fault_of(json, i)) {
      if (++broken.count == 1) broken.first = std::move(*fault);
      continue;
    }
    neuron.hotkey = json.hotkeys[i].key;
    neuron.coldkey = json.coldkeys[i].key;
    neuron.validator_permit = json.permits[i];
    neuron.stake = json.stakes[i];
  }
  Metagraph metagraph(json.netuid, json.block, std::move(neurons), broken);
  if (metagraph.registered() == 0)
    return fail("hotkeys: nobody is there: " + metagraph.set_aside());
  return metagraph;
}

std::string and_more(std::size_t others) {
  return others == 0 ? std::string() : fmt::format(" and {} more", others);
}

void add(std::string& text, std::string_view more) {
  text += text.empty() ? "" : "; ";
  text += more;
}

}  // namespace

Metagraph::Metagraph(std::uint16_t netuid, std::uint64_t block, std::vector<Neuron> neurons,
                     const Broken& broken)
    : netuid_(netuid), block_(block), neurons_(std::move(neurons)) {
  std::size_t empty = 0;
  std::unordered_map<wire::PublicKey, std::size_t, wire::KeyHash>
      doubled;  // hotkeys and their last uid
  by_hotkey_.reserve(neurons_.size());
  for (std::size_t i = 0; i < neurons_.size(); ++i) {
    const auto& hotkey = neurons_[i].hotkey;
    if (hotkey == wire::PublicKey{}) {
      ++empty;
    } else if (!by_hotkey_.emplace(hotkey, i).second) {
      doubled[hotkey] = i;
    }
  }
  if (empty > broken.count) add(set_aside_, fmt::format("{} empty slots", empty - broken.count));
  if (!doubled.empty()) {
    const auto& [hotkey, uid] =
        *std::ranges::min_element(doubled, {}, [](const auto& one) { return one.second; });
    add(set_aside_, fmt::format("hotkey {} at uid {} and at {}{}", wire::encode_ss58(hotkey),
                                by_hotkey_.at(hotkey), uid, and_more(doubled.size() - 1)));
  }
  if (broken.count > 0) add(set_aside_, broken.first + and_more(broken.count - 1));
  for (const auto& each : doubled) by_hotkey_.erase(each.first);
  double sum = 0;
  std::size_t validators = 0;
  for (const auto& [hotkey, place] : by_hotkey_) {
    roll_ ^= wire::KeyHash()(hotkey);
    if (!neurons_[place].validator_permit || neurons_[place].stake <= 0) continue;
    sum += neurons_[place].stake;
    ++validators;
  }
  if (validators != 0) mean_validator_stake_ = sum / static_cast<double>(validators);
}

const Neuron* Metagraph::find(const wire::PublicKey& hotkey) const {
  const auto found = by_hotkey_.find(hotkey);
  return found == by_hotkey_.end() ? nullptr : &neurons_[found->second];
}

Result<Metagraph> parse_metagraph(std::string_view json) {
  json = text::without_mark(json);
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
    json.hotkeys.push_back({.key = neuron.hotkey});
    json.coldkeys.push_back({.key = neuron.coldkey});
    json.permits.push_back(neuron.validator_permit);
    json.stakes.push_back(neuron.stake);
  }
  return to_json(json);
}

}  // namespace dojo::policy
