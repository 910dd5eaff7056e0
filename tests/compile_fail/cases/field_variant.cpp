// says: DOJO_MODEL: no field may be of this type
// says: "counts"
// says: std::variant<int
#include <variant>

#include <dojo/model.hpp>

struct Ask {
  std::string name;
  std::variant<int, std::string> counts;
};
DOJO_MODEL(Ask, name, counts)
auto json(const Ask& ask) {
  return dojo::to_json(ask);
}
