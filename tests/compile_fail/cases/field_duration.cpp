// says: DOJO_MODEL: no field may be of this type
// says: "counts"
#include <chrono>

#include <dojo/model.hpp>

struct Ask {
  std::string name;
  std::chrono::duration<int, std::ratio<1, 60>> counts{};
};
DOJO_MODEL(Ask, name, counts)
auto json(std::string_view json) {
  return dojo::from_json<Ask>(json);
}
