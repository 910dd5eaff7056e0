// says: DOJO_MODEL: no field may be of this type
// says: "counts"
// says: string_view
#include <dojo/model.hpp>

struct Ask {
  std::string name;
  std::string_view counts;
};
DOJO_MODEL(Ask, name, counts)
auto json(const Ask& ask) {
  return dojo::to_json(ask);
}
