// says: counts
#include <dojo/model.hpp>

class Ask {
 public:
  std::string name;
  int counts : 3;
};
DOJO_MODEL(Ask, name, counts)
auto json(const Ask& ask) {
  return dojo::to_json(ask);
}
