// says: a route's hook returns std::optional<std::string> (blacklist, verify) or int (priority)
// says: Ask
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)

Ask answer(Ask ask) {
  return ask;
}
DOJO_PLUGIN("case", "1", dojo::handle(answer).blacklist([](const dojo::Context&) { return true; }))
