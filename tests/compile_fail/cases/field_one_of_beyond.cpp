// says: DOJO_FIELD: this cannot be asked of a field of this type
// says: "counts"
#include <dojo/model.hpp>

struct Ask {
  std::string name;
  unsigned counts = 0;
};
DOJO_MODEL(Ask, name, DOJO_FIELD(counts, dojo::one_of(1, -1)))
auto json(std::string_view json) {
  return dojo::from_json<Ask>(json);
}
