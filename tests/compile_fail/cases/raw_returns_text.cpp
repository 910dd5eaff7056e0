// says: dojo::raw: a handler is dojo::RawAnswer(dojo::RawRequest)
#include <dojo/plugin.hpp>

std::string answer(dojo::RawRequest) {
  return "hello";
}
DOJO_PLUGIN("case", "1", dojo::raw("answer", answer))
