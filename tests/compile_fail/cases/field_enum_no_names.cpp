// says: DOJO_MODEL: no field may be of this type
// says: "counts"
// says: Kind
#include <dojo/model.hpp>

enum class Kind { one, two };
struct Ask {
  std::string name;
  Kind counts;
};
DOJO_MODEL(Ask, name, counts)
auto json(const Ask& ask) {
  return dojo::to_json(ask);
}
