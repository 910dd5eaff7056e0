// says: dojo::raw: a handler is dojo::RawAnswer(dojo::RawRequest)
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)

dojo::RawAnswer answer(Ask) {
  return {};
}
DOJO_PLUGIN("case", "1", dojo::raw("answer", answer))
