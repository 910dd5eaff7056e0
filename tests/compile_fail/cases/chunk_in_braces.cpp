// says: yield_value
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)
struct Chunk {
  std::string text;
};
DOJO_MODEL(Chunk, text)

dojo::Stream<Chunk> answer(Ask) {
  co_yield {"a"};
}
DOJO_PLUGIN("case", "1", dojo::stream(answer))
