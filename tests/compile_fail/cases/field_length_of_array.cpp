// says: DOJO_FIELD: this cannot be asked of a field of this type
// says: "counts"
#include <array>

#include <dojo/model.hpp>

struct Ask {
  std::string name;
  std::array<int, 3> counts{};
};
DOJO_MODEL(Ask, name, DOJO_FIELD(counts, dojo::max_length(3)))
auto json(std::string_view json) {
  return dojo::from_json<Ask>(json);
}
