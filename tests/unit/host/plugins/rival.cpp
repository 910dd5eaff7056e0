// Claims a route that another test plugin has.
#include <dojo/plugin.hpp>

namespace {

struct Answers {
  dojo::RawJson any;
};
DOJO_MODEL(Answers, DOJO_DEFAULT(any))

struct OnlyHere {
  int n = 0;
};
DOJO_MODEL(OnlyHere, n)

}  // namespace

DOJO_PLUGIN("rival", "1.0.0", dojo::handle([](OnlyHere request) { return request; }),
            dojo::handle([](Answers request) { return request; }))
