// Any bytes as JSON. What check_json() takes is what simdjson and RapidJSON's strict parser take,
// but for the exceptions listed below; what a model is read from is written, and read again, as the
// same text.
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <simdjson.h>

#include <dojo/model.hpp>

namespace {

using namespace dojo;

enum class Colour { red, green };
DOJO_ENUM(Colour, red, green)

struct Leaf {
  std::int8_t small = 0;
  std::uint64_t large = 7;
  bool flag = false;
};
DOJO_MODEL(Leaf, DOJO_DEFAULT(small), DOJO_DEFAULT(large), DOJO_DEFAULT(flag))

struct Tree;

/// Told apart by what is asked of `kind`, so that each could be read twice.
struct Left {
  std::string kind;
  std::vector<Tree> of;
};
struct Right {
  std::string kind;
  std::vector<Tree> of;
};
using Any = std::variant<std::monostate, bool, std::int32_t, double, std::string, std::vector<Leaf>,
                         Left, Right>;

bool is_lower(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

struct Tree {
  std::optional<std::string> s;
  std::optional<double> d;
  std::optional<float> f;
  std::optional<std::int64_t> i;
  std::optional<Colour> c;
  std::vector<Tree> t;
  std::map<std::string, Tree> m;
  std::unordered_map<std::string, bool> u;
  std::vector<bool> b;
  Leaf leaf;
  RawJson raw;
  Any any;
  std::array<int, 2> a{};
  std::tuple<bool, std::optional<double>> tuple;
  std::optional<std::pair<std::string, Leaf>> pair;
  Bytes bytes;
  std::chrono::nanoseconds ns{};
  std::optional<std::chrono::hours> hours;
  std::chrono::sys_time<std::chrono::microseconds> time;
  std::optional<std::string> text;
  std::vector<double> bounded;
};
DOJO_MODEL(Left, DOJO_FIELD(kind, one_of("left")), DOJO_DEFAULT(of))
DOJO_MODEL(Right, DOJO_FIELD(kind, one_of("right")), DOJO_DEFAULT(of))
DOJO_MODEL(Tree, s, d, f, i, c, DOJO_DEFAULT(t), DOJO_DEFAULT(m), DOJO_DEFAULT(u), DOJO_DEFAULT(b),
           DOJO_DEFAULT(leaf), DOJO_NAMED_DEFAULT(raw, "r"), DOJO_DEFAULT(any), DOJO_DEFAULT(a),
           DOJO_DEFAULT(tuple), pair, DOJO_DEFAULT(bytes), DOJO_DEFAULT(ns), hours,
           DOJO_DEFAULT(time),
           DOJO_FIELD(text, min_length(1), max_length(3), pattern("^[a-z]*$", is_lower)),
           DOJO_FIELD(bounded, kDefault, max_length(4), each(min(-1), exclusive_max(1.5))))

void require(bool condition) {
  if (!condition) std::abort();
}

/// Sees how deep a text goes and which texts it holds, for the exceptions below.
struct Watcher : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Watcher> {
  int depth = 0;
  int deepest = 0;
  bool at_the_edge = false;  ///< of what a double can hold
  bool Default() { return true; }
  bool Double(double number) {
    at_the_edge = at_the_edge || !(std::abs(number) < 1.797e308);
    return true;
  }
  bool StartObject() { return enter(); }
  bool StartArray() { return enter(); }
  bool EndObject(rapidjson::SizeType) { return leave(); }
  bool EndArray(rapidjson::SizeType) { return leave(); }
  bool enter() {
    deepest = std::max(deepest, ++depth);
    return true;
  }
  bool leave() {
    --depth;
    return true;
  }
};

/// Whether both parsers may differ about a text, and why.
bool may_differ(std::string_view text, const Watcher& watcher, rapidjson::ParseErrorCode error) {
  // Numbers: ours has to fit a double. RapidJSON lets 2e308 be infinite, and refuses 0e999 by its
  // exponent alone.
  if (watcher.at_the_edge || error == rapidjson::kParseErrorNumberTooBig) return true;
  // Depth: ours is limited, RapidJSON's (iterative here) is not.
  if (watcher.deepest > kMaxJsonDepth) return true;
  // A lone low surrogate: RapidJSON 1.1 takes it, and makes text of it that is no UTF-8.
  if (text.find("\\u") != std::string_view::npos) return true;
  // A null byte ends RapidJSON's stream, so that it does not see what stands behind.
  return text.find('\0') != std::string_view::npos;
}

void agree(std::string_view text) {
  // Not at full precision: RapidJSON 1.1 has undefined behaviour there for 0e308.
  constexpr unsigned kStrict =
      rapidjson::kParseValidateEncodingFlag | rapidjson::kParseIterativeFlag;
  Watcher watcher;
  rapidjson::Reader reader;
  rapidjson::MemoryStream stream(text.data(), text.size());
  const auto result = reader.Parse<kStrict>(stream, watcher);
  const auto ours = check_json(text);
  if (static_cast<bool>(ours) == !result.IsError()) return;
  require(may_differ(text, watcher, result.Code()));
}

void agree_with_simdjson(std::string_view text) {
  simdjson::dom::parser parser;
  const auto theirs = parser.parse(simdjson::padded_string(text)).error();
  const auto ours = check_json(text);
  if (static_cast<bool>(ours) == (theirs == simdjson::SUCCESS)) return;
  // Its integers have 64 bits at most; its depth is another, and we name ours.
  require(ours ? theirs == simdjson::NUMBER_ERROR
               : ours.error().message.starts_with("nested deeper"));
}

void round_trip(std::string_view text) {
  const auto tree = from_json<Tree>(text);
  if (!tree) {
    require(tree.error().code == Code::invalid_body && !tree.error().message.empty());
    require(tree.error().message.size() < 8'000);
    return;
  }
  require(static_cast<bool>(check_json(text)));
  const auto written = to_json(*tree);
  require(written.has_value());
  require(static_cast<bool>(check_json(*written)));
  const auto again = from_json<Tree>(*written);
  // What is written is longer, so what is read again of it may be, too.
  if (!again && again.error().message.find("too long to be told apart") != std::string::npos)
    return;
  require(again.has_value());
  // The order of an unordered_map is its own, so it is compared apart.
  require(again->u == tree->u);
  auto first = *tree;
  auto second = *again;
  first.u.clear();
  second.u.clear();
  if (first.t.empty() && first.m.empty()) require(*to_json(first) == *to_json(second));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // In a buffer of exactly that size, so that reading beyond it is seen.
  const std::vector<char> exact(data, data + size);
  const std::string_view text(exact.data(), exact.size());
  agree(text);
  agree_with_simdjson(text);
  round_trip(text);
  return 0;
}
