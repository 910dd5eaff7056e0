// says: has no name of its own: dojo::raw("name", handler)
#include <dojo/plugin.hpp>

dojo::RawAnswer answer(dojo::RawRequest) {
  return {};
}
DOJO_PLUGIN("case", "1", dojo::handle(answer))
