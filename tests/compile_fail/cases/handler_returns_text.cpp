// says: the handler's answer is no model
// says: basic_string
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)

std::string answer(Ask) {
  return "hello";
}
DOJO_PLUGIN("case", "1", dojo::handle(answer))
