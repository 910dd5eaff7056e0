// says: DOJO_FIELD takes the member and dojo::kDefault
#include <dojo/model.hpp>

struct Ask {
  std::string name;
  int counts = 0;
};
DOJO_MODEL(Ask, name, DOJO_FIELD(counts, 5))
auto json(std::string_view json) {
  return dojo::from_json<Ask>(json);
}
