// says: DOJO_MODEL: no field may be of this type
// says: "counts"
// says: char
#include <dojo/model.hpp>

struct Ask {
  std::string name;
  char counts = 0;
};
DOJO_MODEL(Ask, name, counts)
auto json(const Ask& ask) {
  return dojo::to_json(ask);
}
