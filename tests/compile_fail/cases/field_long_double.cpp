// says: DOJO_MODEL: no field may be of this type
// says: "counts"
// says: long double
#include <dojo/model.hpp>

struct Ask {
  std::string name;
  long double counts = 0;
};
DOJO_MODEL(Ask, name, counts)
auto json(const Ask& ask) {
  return dojo::to_json(ask);
}
