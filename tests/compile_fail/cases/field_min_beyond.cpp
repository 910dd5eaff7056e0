// says: DOJO_FIELD: this cannot be asked of a field of this type
// says: "counts"
#include <cstdint>

#include <dojo/model.hpp>

struct Ask {
  std::string name;
  std::int8_t counts = 0;
};
DOJO_MODEL(Ask, name, DOJO_FIELD(counts, dojo::kDefault, dojo::max(300)))
auto json(std::string_view json) {
  return dojo::from_json<Ask>(json);
}
