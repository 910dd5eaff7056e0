// says: DOJO_FIELD: this cannot be asked of a field of this type
// says: "counts"
#include <dojo/model.hpp>

struct Ask {
  std::string name;
  int counts = 0;
};
DOJO_MODEL(Ask, name,
           DOJO_FIELD(counts, dojo::pattern("^[a-z]*$", [](std::string_view) { return true; })))
auto json(std::string_view json) {
  return dojo::from_json<Ask>(json);
}
