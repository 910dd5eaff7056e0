// says: T has neither a public T(dojo::Host&) nor T()
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
  explicit Miner(const Config&) {}
  Ask answer(Ask ask) const { return ask; }
};
DOJO_PLUGIN("case", "1", dojo::object<Miner>(), dojo::handle(&Miner::answer))
