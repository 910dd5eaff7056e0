// says: DOJO_MODEL: no field may be of this type
// says: "counts"
// says: Plain
#include <dojo/model.hpp>

struct Plain {
  int n = 0;
};
struct Ask {
  std::string name;
  Plain counts;
};
DOJO_MODEL(Ask, name, counts)
auto json(const Ask& ask) {
  return dojo::to_json(ask);
}
