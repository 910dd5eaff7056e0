// says: DOJO_MODEL: no field may be of this type
// says: "counts"
// says: More
#include <dojo/model.hpp>

struct Base {
  int n = 0;
};
DOJO_MODEL(Base, n)
struct More : Base {
  int m = 0;
};
struct Ask {
  std::string name;
  More counts;
};
DOJO_MODEL(Ask, name, counts)
auto json(const Ask& ask) {
  return dojo::to_json(ask);
}
