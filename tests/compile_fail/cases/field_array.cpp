// says: DOJO_MODEL: no field may be of this type
// says: "counts"
// says: std::array<int
#include <array>

#include <dojo/model.hpp>

struct Ask {
  std::string name;
  std::array<int, 3> counts{};
};
DOJO_MODEL(Ask, name, counts)
auto json(const Ask& ask) {
  return dojo::to_json(ask);
}
