// says: DOJO_FIELD: this cannot be asked of a field of this type
// says: "counts"
#include <dojo/model.hpp>

struct Ask {
  std::string name;
  std::vector<std::string> counts;
};
DOJO_MODEL(Ask, name, DOJO_FIELD(counts, dojo::each(dojo::min(1))))
auto json(std::string_view json) {
  return dojo::from_json<Ask>(json);
}
