// says: dojo::object<T, Config>: the config's type is no model
// says: Config
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)
struct Config {
  int n = 0;
};

struct Miner {
  explicit Miner(const Config&) {}
  Ask answer(Ask ask) const { return ask; }
};
DOJO_PLUGIN("case", "1", dojo::object<Miner, Config>(), dojo::handle(&Miner::answer))
