// says: DOJO_FIELD: this cannot be asked of a field of this type
// says: "counts"
#include <dojo/model.hpp>

struct Ask {
  std::string name;
  dojo::Bytes counts;
};
DOJO_MODEL(Ask, name, DOJO_FIELD(counts, dojo::max_length(5)))
auto json(std::string_view json) {
  return dojo::from_json<Ask>(json);
}
