// says: the config's type is no model
// says: Settings
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)

struct Settings {
  int n = 0;
};
Ask answer(Ask ask) {
  return ask;
}
DOJO_PLUGIN("case", "1", dojo::configure<Settings>(), dojo::handle(answer))
