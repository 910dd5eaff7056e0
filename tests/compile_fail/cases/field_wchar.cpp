// says: DOJO_MODEL: no field may be of this type
// says: "counts"
// says: wchar_t
#include <dojo/model.hpp>

struct Ask {
  std::string name;
  wchar_t counts = 0;
};
DOJO_MODEL(Ask, name, counts)
auto json(const Ask& ask) {
  return dojo::to_json(ask);
}
