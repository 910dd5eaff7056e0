// says: T has neither a public T(const Config&, dojo::Host&) nor T(const Config&)
// says: Miner
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)
struct Config {
  int n = 0;
};
DOJO_MODEL(Config, n)

class Miner {
 public:
  Miner(dojo::Host&, const Config&) {}
  Ask answer(Ask ask) const { return ask; }
};
DOJO_PLUGIN("case", "1", dojo::object<Miner, Config>(), dojo::handle(&Miner::answer))
