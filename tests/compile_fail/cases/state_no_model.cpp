// says: dojo::state<T>: T is no model
// says: Known
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)

struct Known {
  int n = 0;
};
Ask answer(Ask ask) {
  return ask;
}
DOJO_PLUGIN("case", "1", dojo::handle(answer),
            dojo::state<Known>([] { return Known(); }, [](const Known&) {}))
