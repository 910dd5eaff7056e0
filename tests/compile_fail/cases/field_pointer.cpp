// says: DOJO_MODEL: no field may be of this type
// says: "counts"
// says: int
#include <dojo/model.hpp>

struct Ask {
  std::string name;
  int* counts = nullptr;
};
DOJO_MODEL(Ask, name, counts)
auto json(const Ask& ask) {
  return dojo::to_json(ask);
}
