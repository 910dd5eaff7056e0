// A plugin that has its own say in who may call.
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
            dojo::handle([](Verifies request) { return request; }).verify(without_the_word))
