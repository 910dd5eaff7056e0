// Ranks completions by how much their words have in common with the prompt's: the cosine between
// the two vectors of word counts (Salton & McGill, Introduction to Modern Information Retrieval,
// 1983, §4.1), 0 for nothing in common to 1 for the same words equally often. Shows a nested model,
// a field with a default, metadata, config, and an error of one's own.
#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <dojo/plugin.hpp>

namespace {

struct Ranked {
  std::uint32_t index = 0;  // into the request's completions
  double score = 0;
};
DOJO_MODEL(Ranked, index, score)

struct ScoreRequest {
  std::string prompt;
  std::vector<std::string> completions;
  std::optional<double> score;  // answered: the best one's
  std::vector<Ranked> ranking;  // answered: best first, equals in the order they came in
};
DOJO_MODEL(ScoreRequest, prompt, completions, score, DOJO_DEFAULT(ranking))

// [plugins.score] in the host's config.
struct ScoreConfig {
  std::uint32_t shortest_word = 1;  // letters and digits a word needs to count
  std::uint32_t most_completions = 1024;
};
DOJO_MODEL(ScoreConfig, DOJO_DEFAULT(shortest_word), DOJO_DEFAULT(most_completions))

using WordCounts = std::map<std::string, double, std::less<>>;

bool in_word(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return std::isalnum(byte) != 0 || byte >= 0x80;  // every byte of a letter beyond ASCII
}

WordCounts count_words(std::string_view text, std::size_t shortest) {
  WordCounts counts;
  for (std::size_t begin = 0; begin < text.size();) {
    if (!in_word(text[begin])) {
      ++begin;
      continue;
    }
    std::size_t end = begin;
    std::string word;
    while (end < text.size() && in_word(text[end])) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(text[end++])));
    }
    if (word.size() >= shortest) counts[word] += 1;
    begin = end;
  }
  return counts;
}

double length(const WordCounts& counts) {
  double squares = 0;
  for (const auto& [word, count] : counts) squares += count * count;
  return std::sqrt(squares);
}

double cosine(const WordCounts& a, const WordCounts& b) {
  double product = 0;
  for (const auto& [word, count] : a) {
    if (const auto other = b.find(word); other != b.end()) product += count * other->second;
  }
  const double lengths = length(a) * length(b);
  return lengths > 0 ? std::min(product / lengths, 1.0) : 0;
}

ScoreRequest score(dojo::Context& call, ScoreRequest request) {
  const auto& config = call.config<ScoreConfig>();
  if (request.completions.empty()) throw dojo::HttpError(422, "completions is empty");
  if (request.completions.size() > config.most_completions) {
    throw dojo::HttpError(413,
                          "more than " + std::to_string(config.most_completions) + " completions");
  }

  const auto prompt = count_words(request.prompt, config.shortest_word);
  request.ranking.clear();
  for (std::uint32_t i = 0; i < request.completions.size(); ++i) {
    if (call.cancelled()) throw dojo::HttpError(503, "cancelled");
    request.ranking.push_back(
        {i, cosine(prompt, count_words(request.completions[i], config.shortest_word))});
  }
  std::stable_sort(request.ranking.begin(), request.ranking.end(),
                   [](const Ranked& a, const Ranked& b) { return a.score > b.score; });

  request.score = request.ranking.front().score;
  call.metadata("measure", "cosine of word counts");
  call.metadata("best", request.ranking.front().index);
  return request;
}

}  // namespace

DOJO_PLUGIN(
    "score", "1.0.0", dojo::configure<ScoreConfig>(),
    dojo::handle(score).describe("Ranks completions by the words they share with the prompt"))
