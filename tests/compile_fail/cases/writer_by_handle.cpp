// says: dojo::stream(handler)
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)
struct Chunk {
  std::string text;
};
DOJO_MODEL(Chunk, text)

void answer(dojo::Context&, Ask, dojo::Writer<Chunk>) {}
DOJO_PLUGIN("case", "1", dojo::handle(answer))
