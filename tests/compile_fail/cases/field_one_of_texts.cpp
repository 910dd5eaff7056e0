// says: DOJO_FIELD: this cannot be asked of a field of this type
// says: "counts"
#include <dojo/model.hpp>

struct Ask {
  std::string name;
  std::optional<int> counts;
};
DOJO_MODEL(Ask, name, DOJO_FIELD(counts, dojo::one_of("a", "b")))
auto json(std::string_view json) {
  return dojo::from_json<Ask>(json);
}
