// says: DOJO_MODEL: no field may be of this type
// says: "counts"
#include <chrono>

#include <dojo/model.hpp>

struct Ask {
  std::string name;
  std::chrono::steady_clock::time_point counts;
};
DOJO_MODEL(Ask, name, counts)
auto json(std::string_view json) {
  return dojo::from_json<Ask>(json);
}
