// says: DOJO_MODEL: no field may be of this type
// says: "counts"
#include <variant>

#include <dojo/model.hpp>

struct Ask {
  std::string name;
  std::variant<int, char> counts;
};
DOJO_MODEL(Ask, name, counts)
auto json(std::string_view json) {
  return dojo::from_json<Ask>(json);
}
