// says: it needs a default constructor
// says: Ask
#include <dojo/model.hpp>

struct Ask {
  explicit Ask(int one) : n(one) {}
  int n;
};
DOJO_MODEL(Ask, n)
auto json() {
  return dojo::from_json<Ask>("{}");
}
