// says: counts
// says: private
#include <dojo/model.hpp>

class Ask {
 public:
  std::string name;

 private:
  int counts = 0;
};
DOJO_MODEL(Ask, name, counts)
auto json(const Ask& ask) {
  return dojo::to_json(ask);
}
