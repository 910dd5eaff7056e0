// An answer in chunks: the words of the prompt, backwards, as they come to its mind.
#include <algorithm>
#include <chrono>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <dojo/plugin.hpp>

namespace {

struct Generate {
  std::string prompt;
  std::uint32_t ms_per_word = 0;
};
DOJO_MODEL(Generate, prompt, DOJO_DEFAULT(ms_per_word))

struct Word {
  std::string text;
};
DOJO_MODEL(Word, text)

dojo::Stream<Word> generate(dojo::Context& call, Generate request) {
  if (request.ms_per_word > 1'000) throw dojo::HttpError(422, "ms_per_word is above 1000");
  std::istringstream prompt(request.prompt);
  std::vector<std::string> words;
  for (std::string word; prompt >> word;) words.push_back(std::move(word));
  std::ranges::reverse(words);
  for (const auto& text : words) {
    std::this_thread::sleep_for(std::chrono::milliseconds(request.ms_per_word));
    if (call.cancelled()) co_return;
    const Word word{text};
    co_yield word;
  }
}

}  // namespace

DOJO_PLUGIN("generate", "1.0.0", dojo::stream(generate).describe("The prompt's words, backwards"))
