// Answers a model that has a field of each kind: models.Kinds of models.py is the same in Python.
#include <array>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include <dojo/plugin.hpp>

namespace {

struct Circle {
  std::string kind;
  double radius = 0;
};
DOJO_MODEL(Circle, DOJO_FIELD(kind, dojo::one_of("circle")), radius)

struct Square {
  std::string kind;
  double side = 0;
  int corners = 4;
};
DOJO_MODEL(Square, DOJO_FIELD(kind, dojo::one_of("square")), side, DOJO_DEFAULT(corners))

bool is_lower(std::string_view text) {
  return !text.empty() && text.find_first_not_of("abcdefghijklmnopqrstuvwxyz") == text.npos;
}

struct Kinds {
  std::variant<Circle, Square> shape;
  std::variant<std::monostate, bool, long, double, std::string, std::vector<int>> value;
  std::array<double, 3> point{};
  std::tuple<int, std::string, std::optional<bool>> row;
  std::vector<std::pair<std::string, double>> pairs;
  dojo::Bytes blob;
  std::chrono::microseconds wait{};
  std::chrono::sys_time<std::chrono::microseconds> at;
  int top_k = 3;
  std::string name;
  std::string mode;
  std::vector<double> scores;
};
DOJO_MODEL(Kinds, shape, value, point, row, pairs, blob, wait, at,
           DOJO_FIELD(top_k, dojo::kDefault, dojo::min(1), dojo::max(100)),
           DOJO_FIELD(name, dojo::min_length(2), dojo::max_length(8),
                      dojo::pattern("^[a-z]+$", is_lower)),
           DOJO_FIELD(mode, dojo::one_of("fast", "best")),
           DOJO_FIELD(scores, dojo::max_length(3),
                      dojo::each(dojo::min(0), dojo::exclusive_max(1))))

Kinds kinds(Kinds request) {
  return request;
}

}  // namespace

DOJO_PLUGIN("kinds", "1.0.0", dojo::handle(kinds))
