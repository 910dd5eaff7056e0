// says: and of none of its public bases
// says: Guard
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)

struct Guard {
  static std::optional<std::string> nobody() { return {}; }
  std::optional<std::string> refuse(const dojo::Context&) const { return nobody(); }
};
struct Miner : private Guard {
  using Guard::refuse;
  Ask answer(Ask ask) const { return ask; }
};
DOJO_PLUGIN("case", "1", dojo::object<Miner>(),
            dojo::handle(&Miner::answer).blacklist(&Miner::refuse))
