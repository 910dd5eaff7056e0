// says: a handler that answers in chunks is a stream's: dojo::stream(handler)
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
  co_return;
}
DOJO_PLUGIN("case", "1", dojo::handle(answer))
