// says: dojo::object<T, Config> reads the plugin's config: no dojo::configure beside it
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)
struct Config {
  int n = 0;
};
DOJO_MODEL(Config, n)

struct Miner {
  explicit Miner(const Config&) {}
  Ask answer(Ask ask) const { return ask; }
};
DOJO_PLUGIN("case", "1", dojo::object<Miner, Config>(), dojo::configure<Config>(),
            dojo::handle(&Miner::answer))
