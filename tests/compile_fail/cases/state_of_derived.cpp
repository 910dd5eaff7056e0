// says: dojo::state<T>(save, restore): save is T(), of this very T
// says: Ask
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)

struct More : Ask {
  int m = 0;
};
DOJO_MODEL(More, n, m)
Ask answer(Ask ask) {
  return ask;
}
DOJO_PLUGIN("case", "1", dojo::handle(answer),
            dojo::state<Ask>([] { return More(); }, [](const Ask&) {}))
