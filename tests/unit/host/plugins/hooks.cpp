// A plugin that has its own say in who may call.
#include <atomic>
#include <optional>
#include <string>

#include <dojo/plugin.hpp>

namespace {

struct Blacklists {};
DOJO_MODEL(Blacklists)
struct Verifies {
  std::string word;
};
DOJO_MODEL(Verifies, word)

/// Counts how often it has been read: each time it is made empty first.
struct Counted {
  static inline std::atomic<int> readings{0};
  std::string word;
  int read = 0;  // answered
  Counted() { ++readings; }
};
DOJO_MODEL(Counted, word, DOJO_DEFAULT(read))

std::optional<std::string> without_a_word(const dojo::Context&, const Counted& request) {
  return request.word.empty() ? std::optional<std::string>("no word") : std::nullopt;
}
int by_word(const dojo::Context&, const Counted& request) {
  return static_cast<int>(request.word.size());
}
Counted count(Counted request) {
  request.read = Counted::readings;
  return request;
}

std::optional<std::string> everybody(const dojo::Context&) {
  return "not on this route";
}

std::optional<std::string> without_the_word(const dojo::Context&, const Verifies& request) {
  return request.word == "please" ? std::nullopt
                                  : std::optional<std::string>("the word is missing");
}

}  // namespace

DOJO_PLUGIN("test_hooks", "1.0.0",
            dojo::handle([](Blacklists request) { return request; }).blacklist(everybody),
            dojo::handle([](Verifies request) { return request; }).verify(without_the_word),
            dojo::handle(count).blacklist(without_a_word).verify(without_a_word).priority(by_word))
