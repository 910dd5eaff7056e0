#include "plugins/deploy/probe_line.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include <dojo/model.hpp>

#include "text/terminal.hpp"

namespace dojo::plugins {

/// A ProbeLine as it is written.
struct ProbeLineJson {
  std::string kind;
  std::string stage;
  std::string name;
  std::vector<std::string> faults;
  std::vector<std::string> stuck;
  std::vector<std::string> notes;
  std::string version;
  std::vector<std::string> routes;
  bool shortage = false;
};
DOJO_MODEL(ProbeLineJson, kind, DOJO_DEFAULT(stage), DOJO_DEFAULT(name), DOJO_DEFAULT(faults),
           DOJO_DEFAULT(stuck), DOJO_DEFAULT(notes), DOJO_DEFAULT(version), DOJO_DEFAULT(routes),
           DOJO_DEFAULT(shortage))

struct ProbeConfigJson {
  std::string config;
  bool sandbox = false;
  std::vector<std::string> read;
  std::vector<std::string> write;
  std::vector<std::string> environment;
  std::optional<std::vector<std::uint32_t>> user;  // and group
};
DOJO_MODEL(ProbeConfigJson, config, sandbox, read, write, environment, user)

namespace {

using Kind = ProbeLine::Kind;

constexpr std::size_t kLongestText = 4096;
constexpr std::size_t kLongestName = 128;
constexpr std::size_t kMostTexts = 64;
constexpr std::size_t kMostRoutes = 1024;

constexpr std::array<std::string_view, 4> kKinds = {"stage", "facts", "refused", "good"};
constexpr std::array<std::string_view, 6> kStages = {"check",    "load",    "create",
                                                     "selftest", "destroy", "unload"};
constexpr std::array<std::string_view, 6> kPlaces = {
    "the check of its file", "its constructors", "create", "selftest", "destroy",
    "its destructors"};

/// Where a word stands in a list.
template <class Enum, std::size_t N>
std::optional<Enum> find_word(const std::array<std::string_view, N>& words, std::string_view word) {
  const auto found = std::ranges::find(words, word);
  if (found == words.end()) return std::nullopt;
  return static_cast<Enum>(found - words.begin());
}

std::vector<std::string> bounded(std::vector<std::string> texts, std::size_t most,
                                 std::size_t longest) {
  if (texts.size() > most) texts.resize(most);
  for (auto& text : texts) text = text::printable(text, longest);
  return texts;
}

/// What cannot be written is no UTF-8; the worker has made its texts printable.
template <class Json>
std::string line_of(const Json& json) {
  return to_json(json).value_or("{}") + '\n';
}

}  // namespace

std::string_view describe(Stage stage) {
  return kPlaces[static_cast<std::size_t>(stage)];
}

std::string write_probe_line(const ProbeLine& line) {
  const auto kind = kKinds[static_cast<std::size_t>(line.kind)];
  const auto stage = line.stage ? kStages[static_cast<std::size_t>(*line.stage)] : "";
  return line_of(ProbeLineJson{
      std::string(kind), std::string(stage), text::printable(line.name, kLongestName),
      bounded(line.faults, kMostTexts, kLongestText), bounded(line.stuck, kMostTexts, kLongestText),
      bounded(line.notes, kMostTexts, kLongestText), text::printable(line.version, kLongestName),
      bounded(line.routes, kMostRoutes, kLongestName), line.shortage});
}

Result<ProbeLine> read_probe_line(std::string_view text) {
  if (text.size() > kLongestProbeLine) return fail("a line is too long");
  auto json = from_json<ProbeLineJson>(text);
  if (!json) return Unexpected(json.error());
  const auto kind = find_word<Kind>(kKinds, json->kind);
  const auto stage = find_word<Stage>(kStages, json->stage);
  if (!kind || (*kind == Kind::stage) != stage.has_value()) return fail("a line says nothing");
  if (*kind == Kind::refused && json->faults.empty()) return fail("a refusal has no reason");
  return ProbeLine{*kind,
                   stage,
                   text::printable(json->name, kLongestName),
                   bounded(std::move(json->faults), kMostTexts, kLongestText),
                   bounded(std::move(json->stuck), kMostTexts, kLongestText),
                   bounded(std::move(json->notes), kMostTexts, kLongestText),
                   text::printable(json->version, kLongestName),
                   bounded(std::move(json->routes), kMostRoutes, kLongestName),
                   json->shortage};
}

std::string write_probe_config(const ProbeConfig& config) {
  const auto& sandbox = config.sandbox;
  ProbeConfigJson json{config.config, sandbox.on,          sandbox.read,
                       sandbox.write, sandbox.environment, std::nullopt};
  if (sandbox.user) json.user = {sandbox.user->user, sandbox.user->group};
  return line_of(json);
}

Result<ProbeConfig> read_probe_config(std::string_view line) {
  auto json = from_json<ProbeConfigJson>(line);
  if (!json) return Unexpected(json.error());
  std::optional<User> user;
  if (json->user) {
    if (json->user->size() != 2) return fail("a user is two numbers");
    user = User{(*json->user)[0], (*json->user)[1]};
  }
  return ProbeConfig{std::move(json->config),
                     {json->sandbox, std::move(json->read), std::move(json->write), user,
                      std::move(json->environment)}};
}

}  // namespace dojo::plugins
