// says: DOJO_MODEL: no field may be of this type
// says: "counts"
// says: std::map<int
#include <dojo/model.hpp>

struct Ask {
  std::string name;
  std::map<int, std::string> counts;
};
DOJO_MODEL(Ask, name, counts)
auto json(const Ask& ask) {
  return dojo::to_json(ask);
}
