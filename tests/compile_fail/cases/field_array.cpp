// says: DOJO_MODEL: no field may be of this type
// says: "counts"
#include <array>

#include <dojo/model.hpp>

struct Ask {
  std::string name;
  std::array<std::string_view, 3> counts{};
};
DOJO_MODEL(Ask, name, counts)
auto json(std::string_view json) {
  return dojo::from_json<Ask>(json);
}
