// says: DOJO_MODEL: no field may be of this type
// says: "counts"
#include <tuple>

#include <dojo/model.hpp>

struct Ask {
  std::string name;
  std::tuple<int, const char*> counts;
};
DOJO_MODEL(Ask, name, counts)
auto json(std::string_view json) {
  return dojo::from_json<Ask>(json);
}
