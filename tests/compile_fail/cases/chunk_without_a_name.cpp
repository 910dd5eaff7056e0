// says: a chunk has a name before it is yielded
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
  co_yield Chunk{"a"};
}
DOJO_PLUGIN("case", "1", dojo::stream(answer))
