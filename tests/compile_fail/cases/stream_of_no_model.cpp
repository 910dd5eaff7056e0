// says: dojo::stream: a handler is dojo::Stream<Chunk>(Request)
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)
struct Chunk {
  std::string text;
};
DOJO_MODEL(Chunk, text)

dojo::Stream<int> answer(Ask) {
  co_return;
}
DOJO_PLUGIN("case", "1", dojo::stream(answer))
