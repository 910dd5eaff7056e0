// says: DOJO_MODEL: no field may be of this type
// says: "counts"
// says: std::shared_ptr<int>
#include <memory>

#include <dojo/model.hpp>

struct Ask {
  std::string name;
  std::shared_ptr<int> counts;
};
DOJO_MODEL(Ask, name, counts)
auto json(const Ask& ask) {
  return dojo::to_json(ask);
}
