// Reads JSON (RFC 8259), one value after the other, straight from the text: nothing is copied but
// strings that have escapes. All of the text is checked, also what nobody asks for.
#pragma once

#include <array>
#include <bitset>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <dojo/cxx20.hpp>
#include <dojo/json/fault.hpp>
#include <dojo/json/number.hpp>
#include <dojo/json/text.hpp>

namespace dojo {

/// JSON nested deeper than this is refused, wherever it stands.
inline constexpr int kMaxJsonDepth = 256;

/// Bytes that the members of all arrays and maps which are read from a text may take: of `"",` a
/// vector of texts takes ten times the bytes that came. Numbers of eight bytes, each with its
/// comma, fit however short they are; so does a small text, whatever it holds.
constexpr std::size_t json_budget(std::size_t text_bytes) {
  constexpr std::size_t kLeast = std::size_t{1} << 20;
  constexpr std::size_t kTimes = 4;
  constexpr std::size_t kMost = std::size_t{64} << 20;  // but never less than the text itself
  return kLeast + (text_bytes < kMost / kTimes ? kTimes * text_bytes
                   : text_bytes < kMost        ? kMost
                                               : text_bytes);
}

enum class JsonKind : std::uint8_t { null, boolean, number, string, array, object };

constexpr std::string_view to_string(JsonKind kind) {
  constexpr std::array<std::string_view, 6> kWords = {"null",   "boolean", "number",
                                                      "string", "array",   "object"};
  return kWords[static_cast<std::size_t>(kind)];
}

/// Which kinds of JSON a type may be: what tells a std::variant's alternatives apart.
class JsonKinds {
 public:
  template <std::same_as<JsonKind>... Kinds>
  constexpr explicit JsonKinds(Kinds... kinds)
      : bits_(static_cast<std::uint8_t>((0U | ... | (1U << static_cast<unsigned>(kinds))))) {}
  static constexpr JsonKinds all() {
    return JsonKinds(JsonKind::null, JsonKind::boolean, JsonKind::number, JsonKind::string,
                     JsonKind::array, JsonKind::object);
  }
  [[nodiscard]] constexpr bool has(JsonKind kind) const {
    return ((bits_ >> static_cast<unsigned>(kind)) & 1U) != 0;
  }
  constexpr JsonKinds operator|(JsonKinds other) const {
    other.bits_ |= bits_;
    return other;
  }

 private:
  std::uint8_t bits_;
};

/// Stands at a value; reading it goes on behind it. Once the text is found to be no JSON, every
/// call says so.
class JsonReader {
 public:
  enum class Read : std::uint8_t {
    yes,     ///< it is behind us
    no,      ///< it is of another kind, or too large: it is still here
    broken,  ///< the text is no JSON: see why()
  };
  enum class Next : std::uint8_t {
    value,   ///< here it is
    end,     ///< there was none: the container is behind us
    broken,  ///< the text is no JSON: see why()
  };

  /// @param text lives as long as this
  explicit JsonReader(std::string_view text)
      : begin_(text.data()),
        at_(begin_),
        end_(begin_ + text.size()),
        budget_(json_budget(text.size())),
        repeats_(kFreeRepeats + kRepeats * text.size()) {
    skip_space();
  }
  JsonReader(const JsonReader&) = delete;
  JsonReader& operator=(const JsonReader&) = delete;
  ~JsonReader() = default;

  [[nodiscard]] bool broken() const { return fault_ != nullptr; }
  /// For a person. Says nothing of what the text holds.
  [[nodiscard]] std::string why() const {
    if (over_budget_) return "has more members than a body of that size may";
    if (too_often_) return "its alternatives take too long to be told apart";
    if (too_deep_) return "nested deeper than " + std::to_string(kMaxJsonDepth) + " levels";
    return "not valid JSON: " + std::string(fault_) + ", at byte " + std::to_string(at_ - begin_);
  }
  /// Says in `fault` that the value here, which was not read, is not what is wanted. What it is, is
  /// told by its kind alone: what a caller sent is not sent back, nor written to a log.
  /// @param wanted as in `expected string` @return false
  bool refuse(Fault& fault, std::string_view wanted) {
    const auto here = kind();
    return fault.add(here ? "expected " + std::string(wanted) + ", got " +
                                std::string(to_string(*here))
                          : why());
  }
  /// By its first byte. @return nothing if no value begins so
  std::optional<JsonKind> kind();

  Read null() { return literal('n', "null"); }
  Read boolean(bool& out);
  /// An integer, however it is written: `100`, `1e2`, `100.0`.
  template <class Wide>
  Read integer(Wide& out);
  Read number(double& out);
  /// @param out until the next call
  Read string(std::string_view& out);

  Read enter_object() { return enter('{', true); }
  Read enter_array() { return enter('[', false); }
  /// @param key until the next call
  Next next_key(std::string_view& key);
  Next next_element();

  /// Passes the value here, and checks all of it.
  bool skip() { return leave(depth_); }
  /// Takes what a member of a container will need off the budget. @return false if there is no
  /// more: then the text is as good as broken
  bool charge(std::size_t bytes) {
    if (bytes <= budget_) {
      budget_ -= bytes;
      return true;
    }
    over_budget_ = true;
    return bad("it is over its budget");
  }
  [[nodiscard]] bool over_budget() const { return over_budget_; }
  /// What has been taken off the budget.
  [[nodiscard]] std::size_t charged() const {
    return json_budget(static_cast<std::size_t>(end_ - begin_)) - budget_;
  }
  /// How many containers are open.
  [[nodiscard]] int depth() const { return depth_; }
  /// Passes what is left of the containers that were entered since there were `depth` of them, and
  /// of the value that was being read there.
  bool leave(int depth);
  /// Passes the value here. @param out its text, as it is
  bool raw(std::string_view& out) {
    const auto* const from = at_;
    if (!skip()) return false;
    out = {from, static_cast<std::size_t>(at_ - from)};
    return true;
  }
  /// A place to come back to, in the same text.
  struct Mark {
    const char* at;
    int depth;
    bool pending;
    bool fresh;
    std::size_t budget;
  };
  [[nodiscard]] Mark mark() const { return {at_, depth_, pending_, fresh_, budget_}; }
  /// Goes back to where a value was, to read it as something else. What is read more than once is
  /// counted, so that alternatives inside of alternatives take no more than a few times the text.
  /// @return false if it is too much, or the text is no JSON
  bool go_back(const Mark& mark);
  /// Whether there is nothing behind the value.
  bool finish() {
    if (broken()) return false;
    skip_space();
    return at_ == end_ || bad("there is something behind the value");
  }

 private:
  bool bad(const char* why) {
    if (fault_ == nullptr) fault_ = why;
    return false;
  }
  Read bad_value(const char* why) {
    bad(why);
    return Read::broken;
  }
  void skip_space() {
    while (at_ != end_ && *at_ <= ' ' &&
           (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) {
      ++at_;
    }
  }
  [[nodiscard]] bool starts_with_mark() const {
    const std::string_view text(begin_, static_cast<std::size_t>(end_ - begin_));
    return at_ == begin_ && text.starts_with("\xef\xbb\xbf");
  }
  [[nodiscard]] bool digit_here() const { return at_ != end_ && *at_ >= '0' && *at_ <= '9'; }
  Read other_kind() { return kind() ? Read::no : Read::broken; }
  Read literal(char first, std::string_view word);
  Read enter(char bracket, bool object);
  template <class Wide>
  bool short_integer(Wide& out);
  bool number_text(std::string_view& out);
  bool string_text(std::string_view& out);
  bool unescape(const char* from);
  bool escape();
  bool hex4(std::uint32_t& out);
  bool pass_scalar();
  Next separated(char close);
  Next at_end() {
    ++at_;
    --depth_;
    fresh_ = false;
    pending_ = false;
    return Next::end;
  }

  static constexpr std::size_t kRepeats = 8;  // times the text
  static constexpr std::size_t kFreeRepeats = std::size_t{256} << 10;

  const char* begin_;
  const char* at_;
  const char* end_;
  const char* fault_ = nullptr;
  bool too_deep_ = false;
  bool over_budget_ = false;
  bool too_often_ = false;
  std::size_t budget_;   // see json_budget()
  std::size_t repeats_;  // bytes that may be read once more
  int depth_ = 0;
  bool pending_ = true;  // a value is here that nobody has read
  bool fresh_ = false;   // a container was entered, and nothing of it was read
  std::bitset<static_cast<std::size_t>(kMaxJsonDepth) + 1> is_object_;  // by depth
  std::string unescaped_;
};

inline std::optional<JsonKind> JsonReader::kind() {
  if (broken()) return std::nullopt;
  if (at_ == end_) {
    bad("a value is missing");
    return std::nullopt;
  }
  switch (*at_) {
    case 'n':
      return JsonKind::null;
    case 't':
    case 'f':
      return JsonKind::boolean;
    case '"':
      return JsonKind::string;
    case '[':
      return JsonKind::array;
    case '{':
      return JsonKind::object;
    default:
      if (*at_ == '-' || digit_here()) return JsonKind::number;
      bad(starts_with_mark() ? "it begins with a byte order mark" : "there is no value");
      return std::nullopt;
  }
}

inline JsonReader::Read JsonReader::literal(char first, std::string_view word) {
  if (broken()) return Read::broken;
  if (at_ == end_ || *at_ != first) return other_kind();
  const std::string_view rest(at_, static_cast<std::size_t>(end_ - at_));
  if (!rest.starts_with(word)) return bad_value("a word is none of true, false and null");
  at_ += word.size();
  pending_ = false;
  return Read::yes;
}

inline JsonReader::Read JsonReader::boolean(bool& out) {
  const bool is = at_ != end_ && *at_ == 't';
  const auto read = is ? literal('t', "true") : literal('f', "false");
  if (read == Read::yes) out = is;
  return read;
}

/// Moves behind a number that is formed as RFC 8259 has it.
inline bool JsonReader::number_text(std::string_view& out) {
  const auto* const from = at_;
  const auto digits = [&] {
    if (!digit_here()) return bad("a number is not whole");
    while (digit_here()) ++at_;
    return true;
  };
  if (*at_ == '-') ++at_;
  if (at_ != end_ && *at_ == '0') {
    ++at_;
    if (digit_here()) return bad("a number begins with a zero");
  } else if (!digits()) {
    return false;
  }
  if (at_ != end_ && *at_ == '.') {
    ++at_;
    if (!digits()) return false;
  }
  if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
    ++at_;
    if (at_ != end_ && (*at_ == '-' || *at_ == '+')) ++at_;
    if (!digits()) return false;
  }
  out = {from, static_cast<std::size_t>(at_ - from)};
  return true;
}

/// What most numbers are: a few digits and nothing else.
template <class Wide>
bool JsonReader::short_integer(Wide& out) {
  constexpr std::ptrdiff_t kSurelyFits = 18;
  const bool negative = *at_ == '-';
  const auto* const digits = at_ + (negative ? 1 : 0);
  const auto* at = digits;
  std::uint64_t value = 0;
  for (; at != end_ && *at >= '0' && *at <= '9' && at - digits < kSurelyFits; ++at) {
    value = value * 10 + static_cast<std::uint64_t>(*at - '0');
  }
  const bool more = at != end_ && ((*at >= '0' && *at <= '9') || *at == '.' || (*at | 0x20) == 'e');
  if (more || at == digits || (*digits == '0' && at - digits > 1)) return false;
  if (negative && std::is_unsigned_v<Wide> && value != 0) return false;
  out = static_cast<Wide>(negative ? ~value + 1 : value);
  at_ = at;
  return true;
}

template <class Wide>
JsonReader::Read JsonReader::integer(Wide& out) {
  if (kind() != JsonKind::number) return other_kind();
  if (short_integer(out)) {
    pending_ = false;
    return Read::yes;
  }
  const auto* const from = at_;
  std::string_view text;
  if (!number_text(text)) return Read::broken;
  const auto decimal = detail::parse_decimal(text);
  const auto magnitude = detail::integral_magnitude(decimal);
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<Wide>::max());
  // The least one's magnitude is one more than the largest one's.
  const std::uint64_t limit = !decimal.negative ? kMost : std::is_signed_v<Wide> ? kMost + 1 : 0;
  if (!magnitude || *magnitude > limit) {
    at_ = from;
    return Read::no;
  }
  out = static_cast<Wide>(decimal.negative ? ~*magnitude + 1 : *magnitude);
  pending_ = false;
  return Read::yes;
}

inline JsonReader::Read JsonReader::number(double& out) {
  if (kind() != JsonKind::number) return other_kind();
  const auto* const from = at_;
  std::string_view text;
  if (!number_text(text)) return Read::broken;
  const auto value = detail::nearest_double(text);
  if (!value) {
    at_ = from;
    return Read::no;
  }
  out = *value;
  pending_ = false;
  return Read::yes;
}

inline JsonReader::Read JsonReader::string(std::string_view& out) {
  if (broken()) return Read::broken;
  if (at_ == end_ || *at_ != '"') return other_kind();
  if (!string_text(out)) return Read::broken;
  pending_ = false;
  return Read::yes;
}

/// Moves behind the string that begins here.
inline bool JsonReader::string_text(std::string_view& out) {
  const auto* const from = ++at_;
  for (;;) {
    at_ = detail::skip_plain(at_, end_);
    if (at_ == end_) return bad("a string does not end");
    if (*at_ == '"') {
      out = {from, static_cast<std::size_t>(at_ - from)};
      ++at_;
      return true;
    }
    if (*at_ == '\\') {
      if (!unescape(from)) return false;
      out = unescaped_;
      return true;
    }
    if (static_cast<unsigned char>(*at_) < 0x20) return bad("a string holds a control character");
    const auto length = detail::utf8_length(at_, end_);
    if (length == 0) return bad("a string is not valid UTF-8");
    at_ += length;
  }
}

/// The rest of a string, of which the first escape is here. @param from its begin
inline bool JsonReader::unescape(const char* from) {
  unescaped_.clear();
  for (;;) {
    if (at_ == end_) return bad("a string does not end");
    if (*at_ == '"') {
      unescaped_.append(from, at_);
      ++at_;
      return true;
    }
    if (*at_ == '\\') {
      unescaped_.append(from, at_);
      ++at_;
      if (!escape()) return false;
      from = at_;
    } else if (static_cast<unsigned char>(*at_) < 0x20) {
      return bad("a string holds a control character");
    } else {
      const auto length = detail::utf8_length(at_, end_);
      if (length == 0) return bad("a string is not valid UTF-8");
      at_ += length;
    }
    at_ = detail::skip_plain(at_, end_);
  }
}

inline bool JsonReader::escape() {
  constexpr std::string_view kLetters = "\"\\/bfnrt";
  constexpr std::string_view kMeant = "\"\\/\b\f\n\r\t";
  constexpr const char* kLone = "a string holds half a surrogate pair";
  if (at_ == end_) return bad("a string does not end");
  const char letter = *at_++;
  if (const auto found = kLetters.find(letter); found != std::string_view::npos) {
    unescaped_ += kMeant[found];
    return true;
  }
  std::uint32_t code = 0;
  if (letter != 'u') return bad("a string holds an unknown escape");
  if (!hex4(code)) return false;
  if (code >= 0xD800 && code <= 0xDFFF) {
    std::uint32_t low = 0;
    if (code >= 0xDC00 || end_ - at_ < 2 || at_[0] != '\\' || at_[1] != 'u') return bad(kLone);
    at_ += 2;
    if (!hex4(low)) return false;
    if (low < 0xDC00 || low > 0xDFFF) return bad(kLone);
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  const auto put = [&](std::uint32_t byte) { unescaped_ += static_cast<char>(byte); };
  const auto put_rest = [&](int shift) { put(0x80 | ((code >> shift) & 0x3F)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | (code >> 6));
    put_rest(0);
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put_rest(6);
    put_rest(0);
  } else {
    put(0xF0 | (code >> 18));
    put_rest(12);
    put_rest(6);
    put_rest(0);
  }
  return true;
}

inline bool JsonReader::hex4(std::uint32_t& out) {
  for (int i = 0; i < 4; ++i, ++at_) {
    const char c = at_ == end_ ? '"' : *at_;
    if (c >= '0' && c <= '9') {
      out = out * 16 + static_cast<std::uint32_t>(c - '0');
    } else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
      out = out * 16 + static_cast<std::uint32_t>((c | 0x20) - 'a' + 10);
    } else {
      return bad("a string holds a \\u without four digits");
    }
  }
  return true;
}

inline JsonReader::Read JsonReader::enter(char bracket, bool object) {
  if (broken()) return Read::broken;
  if (at_ == end_ || *at_ != bracket) return other_kind();
  if (depth_ == kMaxJsonDepth) {
    too_deep_ = true;
    return bad_value("it is nested too deep");
  }
  ++at_;
  ++depth_;
  is_object_.set(static_cast<std::size_t>(depth_), object);
  fresh_ = true;
  pending_ = false;
  return Read::yes;
}

/// Passes what stands between the container's values, or its end.
inline JsonReader::Next JsonReader::separated(char close) {
  if (broken()) return Next::broken;
  skip_space();
  if (at_ != end_ && *at_ == close) return at_end();
  if (!std::exchange(fresh_, false)) {
    if (at_ == end_ || *at_ != ',') {
      bad(close == ']' ? "an array does not end" : "an object does not end");
      return Next::broken;
    }
    ++at_;
    skip_space();
  }
  pending_ = true;
  return Next::value;
}

inline JsonReader::Next JsonReader::next_element() {
  const auto next = separated(']');
  return next == Next::value && !kind() ? Next::broken : next;
}

inline JsonReader::Next JsonReader::next_key(std::string_view& key) {
  const auto next = separated('}');
  if (next != Next::value) return next;
  if (at_ == end_ || *at_ != '"') {
    bad("a key is missing");
    return Next::broken;
  }
  if (!string_text(key)) return Next::broken;
  skip_space();
  if (at_ == end_ || *at_ != ':') {
    bad("a colon is missing");
    return Next::broken;
  }
  ++at_;
  skip_space();
  return Next::value;
}

inline bool JsonReader::pass_scalar() {
  std::string_view text;
  bool flag = false;
  switch (*kind()) {
    case JsonKind::null:
      return null() == Read::yes;
    case JsonKind::boolean:
      return boolean(flag) == Read::yes;
    case JsonKind::string:
      return string(text) == Read::yes;
    default:
      double value = 0;
      return number(value) == Read::yes || bad("a number is out of range");
  }
}

inline bool JsonReader::go_back(const Mark& mark) {
  if (broken()) return false;
  const auto again = static_cast<std::size_t>(at_ - mark.at);
  if (again > repeats_) {
    too_often_ = true;
    return bad("it is read too often");
  }
  repeats_ -= again;
  at_ = mark.at;
  depth_ = mark.depth;
  pending_ = mark.pending;
  fresh_ = mark.fresh;
  budget_ = mark.budget;
  return true;
}

inline bool JsonReader::leave(int depth) {
  std::string_view key;
  for (;;) {
    if (pending_) {
      const auto here = kind();
      if (!here) return false;
      const bool holds_values = *here == JsonKind::array || *here == JsonKind::object;
      if (!holds_values && !pass_scalar()) return false;
      if (holds_values && enter(*at_, *here == JsonKind::object) != Read::yes) return false;
    }
    if (depth_ == depth) return !broken();
    const bool object = is_object_[static_cast<std::size_t>(depth_)];
    if ((object ? next_key(key) : next_element()) == Next::broken) return false;
  }
}

}  // namespace dojo
