// Durations and times, as Pydantic's timedelta and datetime are in JSON.
#pragma once

#include <array>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <ratio>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <dojo/json/json.hpp>
#include <dojo/json/values.hpp>

namespace dojo {

namespace detail {

inline constexpr std::uint32_t kNanos = 1'000'000'000;

/// A duration as a text has it.
struct Elapsed {
  std::uint64_t seconds = 0;
  std::uint32_t nanos = 0;  ///< below kNanos
  bool negative = false;
};

/// A part of a second that is a number of nanoseconds, or whole seconds: what a text can say.
template <class Rep, class Period>
concept JsonDuration = (JsonInteger<Rep> || JsonFloat<Rep>) &&
                       (Period::den == 1 || (Period::num == 1 && kNanos % Period::den == 0));

/// @return nothing if a D cannot be that, exactly
template <class D>
std::optional<D> to_duration(const Elapsed& elapsed) {
  using Rep = typename D::rep;
  using Period = typename D::period;
  if constexpr (std::floating_point<Rep>) {
    const auto seconds = static_cast<double>(elapsed.seconds) + elapsed.nanos / double{kNanos};
    const auto ticks = seconds * Period::den / Period::num;
    return D(static_cast<Rep>(elapsed.negative ? -ticks : ticks));
  } else {
    constexpr auto kDen = static_cast<std::uint64_t>(Period::den);
    constexpr auto kNum = static_cast<std::uint64_t>(Period::num);
    constexpr auto kLeast =
        static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) + 1;
    constexpr std::uint64_t kTick = kNanos / kDen;  // in nanoseconds, if it is less than a second
    if (kDen == 1 ? elapsed.nanos != 0 || elapsed.seconds % kNum != 0
                  : elapsed.nanos % kTick != 0) {
      return std::nullopt;
    }
    std::uint64_t ticks = elapsed.seconds / kNum;
    if (__builtin_mul_overflow(ticks, kDen, &ticks) ||
        __builtin_add_overflow(ticks, elapsed.nanos / kTick, &ticks)) {
      return std::nullopt;
    }
    if (!elapsed.negative) {
      if (!std::in_range<Rep>(ticks)) return std::nullopt;
      return D(static_cast<Rep>(ticks));
    }
    if (ticks > kLeast || !std::in_range<Rep>(static_cast<std::int64_t>(~ticks + 1))) {
      return std::nullopt;
    }
    return D(static_cast<Rep>(static_cast<std::int64_t>(~ticks + 1)));
  }
}

/// @return nothing if it is longer than a text says, or no number
template <class D>
std::optional<Elapsed> to_elapsed(const D& duration) {
  using Period = typename D::period;
  const auto count = duration.count();
  if constexpr (std::floating_point<typename D::rep>) {
    constexpr double kMost = 9e18;
    const double seconds = std::abs(static_cast<double>(count)) * Period::num / Period::den;
    if (!(seconds < kMost)) return std::nullopt;
    const double whole = std::floor(seconds);
    const double nanos = std::round((seconds - whole) * kNanos);
    const bool carries = nanos >= kNanos;
    return Elapsed{static_cast<std::uint64_t>(whole) + (carries ? 1 : 0),
                   carries ? 0 : static_cast<std::uint32_t>(nanos), std::signbit(count)};
  } else {
    constexpr auto kDen = static_cast<std::uint64_t>(Period::den);
    const bool negative = std::cmp_less(count, 0);
    const auto ticks =
        negative ? ~static_cast<std::uint64_t>(count) + 1 : static_cast<std::uint64_t>(count);
    Elapsed elapsed{0, static_cast<std::uint32_t>(ticks % kDen * (kNanos / kDen)), negative};
    if (__builtin_mul_overflow(ticks / kDen, static_cast<std::uint64_t>(Period::num),
                               &elapsed.seconds)) {
      return std::nullopt;
    }
    return elapsed;
  }
}

/// A number of nanoseconds as the digits of a fraction, without zeros at its end.
inline std::string fraction(std::uint32_t nanos, std::size_t least = 0) {
  auto digits = std::to_string(kNanos + nanos).substr(1);
  while (digits.size() > least && digits.back() == '0') digits.pop_back();
  return digits;
}

/// Takes digits off the front. @return nothing if there is none, or there are too many
inline std::optional<std::uint64_t> take_digits(std::string_view& text) {
  std::uint64_t value = 0;
  std::size_t size = 0;
  for (; size < text.size() && text[size] >= '0' && text[size] <= '9'; ++size) {
    if (__builtin_mul_overflow(value, std::uint64_t{10}, &value) ||
        __builtin_add_overflow(value, static_cast<std::uint64_t>(text[size] - '0'), &value)) {
      return std::nullopt;
    }
  }
  if (size == 0) return std::nullopt;
  text.remove_prefix(size);
  return value;
}

/// Takes a fraction's digits off the front, behind its point.
/// @return nanoseconds; nothing if there are no digits, or some are finer
inline std::optional<std::uint32_t> take_fraction(std::string_view& text) {
  std::uint32_t nanos = 0;
  std::uint32_t unit = kNanos;
  std::size_t size = 0;
  for (; size < text.size() && text[size] >= '0' && text[size] <= '9'; ++size) {
    unit /= 10;
    if (unit == 0 && text[size] != '0') return std::nullopt;
    nanos += unit * static_cast<std::uint32_t>(text[size] - '0');
  }
  if (size == 0) return std::nullopt;
  text.remove_prefix(size);
  return nanos;
}

inline bool take(std::string_view& text, std::string_view letters) {
  if (text.empty() || letters.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

/// ISO 8601: "PT1.5S", "-P1DT2H". A year is 365 days and a month 30, as in Pydantic.
inline std::optional<Elapsed> parse_duration(std::string_view text) {
  struct Unit {
    char letter;
    bool of_day;  ///< behind the T
    std::uint64_t seconds;
  };
  constexpr std::array<Unit, 7> kUnits = {{{'Y', false, 31'536'000},
                                           {'M', false, 2'592'000},
                                           {'W', false, 604'800},
                                           {'D', false, 86'400},
                                           {'H', true, 3'600},
                                           {'M', true, 60},
                                           {'S', true, 1}}};
  Elapsed elapsed;
  elapsed.negative = text.starts_with('-');
  take(text, "+-");
  if (!take(text, "P") || text.empty()) return std::nullopt;
  const auto* unit = kUnits.begin();
  bool of_day = false;
  while (!text.empty()) {
    if (!of_day && take(text, "T")) of_day = true;
    const auto whole = take_digits(text);
    const auto part = take(text, ".,") ? take_fraction(text) : 0;
    if (!whole || !part || text.empty()) return std::nullopt;
    while (unit != kUnits.end() && (unit->letter != text.front() || unit->of_day != of_day)) ++unit;
    if (unit == kUnits.end()) return std::nullopt;
    text.remove_prefix(1);
    const auto nanos = *part * unit->seconds + elapsed.nanos;
    std::uint64_t seconds = 0;
    if (__builtin_mul_overflow(*whole, unit->seconds, &seconds) ||
        __builtin_add_overflow(seconds, nanos / kNanos, &seconds) ||
        __builtin_add_overflow(elapsed.seconds, seconds, &elapsed.seconds)) {
      return std::nullopt;
    }
    elapsed.nanos = static_cast<std::uint32_t>(nanos % kNanos);
    ++unit;
  }
  return elapsed;
}

/// As Pydantic writes it: "P1Y35DT12H", years being 365 days.
inline std::string format_duration(const Elapsed& elapsed) {
  std::string date;
  std::string time;
  const auto put = [](std::string& out, std::uint64_t count, char letter) {
    if (count != 0) out += std::to_string(count) + letter;
  };
  const auto days = elapsed.seconds / 86'400;
  put(date, days / 365, 'Y');
  put(date, days % 365, 'D');
  put(time, elapsed.seconds / 3'600 % 24, 'H');
  put(time, elapsed.seconds / 60 % 60, 'M');
  if (elapsed.nanos != 0) {
    time += std::to_string(elapsed.seconds % 60) + '.' + fraction(elapsed.nanos) + 'S';
  } else {
    put(time, elapsed.seconds % 60, 'S');
  }
  if (date.empty() && time.empty()) return "PT0S";
  return (elapsed.negative ? "-P" : "P") + date + (time.empty() ? "" : "T" + time);
}

/// A JSON number of seconds. @param number whole and well formed
inline std::optional<Elapsed> parse_seconds(std::string_view number) {
  const auto decimal = parse_decimal(number);
  auto shifted = decimal;
  shifted.exponent += 9;
  if (const auto nanos = integral_magnitude(shifted)) {
    return Elapsed{*nanos / kNanos, static_cast<std::uint32_t>(*nanos % kNanos), decimal.negative};
  }
  const auto seconds = integral_magnitude(decimal);
  if (!seconds) return std::nullopt;
  return Elapsed{*seconds, 0, decimal.negative};
}

// 0001-01-01 and the end of 9999, as in Python.
inline constexpr std::int64_t kFirstSecond = -62'135'596'800;
inline constexpr std::int64_t kLastSecond = 253'402'300'799;

/// RFC 3339, at any offset. @return since 1970, in UTC
inline std::optional<Elapsed> parse_time(std::string_view text) {
  const auto number = [&](std::size_t size, int most) -> std::optional<int> {
    auto digits = text.substr(0, size);
    const auto value = take_digits(digits);
    if (text.size() < size || !digits.empty() || !value || std::cmp_greater(*value, most)) {
      return std::nullopt;
    }
    text.remove_prefix(size);
    return static_cast<int>(*value);
  };
  bool formed = true;
  const auto behind = [&](std::string_view letters) { formed = formed && take(text, letters); };
  const auto year = number(4, 9'999);
  behind("-");
  const auto month = number(2, 12);
  behind("-");
  const auto day = number(2, 31);
  behind("Tt ");
  const auto hour = number(2, 23);
  behind(":");
  const auto minute = number(2, 59);
  behind(":");
  const auto second = number(2, 59);
  const auto nanos = take(text, ".") ? take_fraction(text) : 0;
  if (!formed || !year || !month || !day || !hour || !minute || !second || !nanos) {
    return std::nullopt;
  }
  int offset = 0;  // in minutes
  if (!take(text, "Zz")) {
    const bool west = text.starts_with('-');
    behind("+-");
    const auto hours = number(2, 23);
    behind(":");
    const auto minutes = number(2, 59);
    if (!formed || !hours || !minutes) return std::nullopt;
    offset = (west ? -1 : 1) * (*hours * 60 + *minutes);
  }
  const std::chrono::year_month_day date(std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok() || !text.empty()) return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  const auto seconds =
      std::int64_t{days} * 86'400 + std::int64_t{*hour * 60 + *minute - offset} * 60 + *second;
  if (seconds < kFirstSecond || seconds > kLastSecond) return std::nullopt;
  if (seconds >= 0) return Elapsed{static_cast<std::uint64_t>(seconds), *nanos, false};
  // Before 1970 a fraction leads towards it.
  return *nanos == 0 ? Elapsed{static_cast<std::uint64_t>(-seconds), 0, true}
                     : Elapsed{static_cast<std::uint64_t>(-seconds - 1), kNanos - *nanos, true};
}

/// As Pydantic writes it: a fraction has six digits, or, here, nine.
/// @return nothing for a year that has not four digits
inline std::optional<std::string> format_time(const Elapsed& elapsed) {
  if (elapsed.seconds > static_cast<std::uint64_t>(kLastSecond)) return std::nullopt;
  auto seconds = static_cast<std::int64_t>(elapsed.seconds);
  auto nanos = elapsed.nanos;
  if (elapsed.negative) {
    seconds = -seconds - (nanos == 0 ? 0 : 1);
    nanos = nanos == 0 ? 0 : kNanos - nanos;
  }
  if (seconds < kFirstSecond) return std::nullopt;
  const std::chrono::sys_seconds time{std::chrono::seconds(seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::string text;
  const auto put = [&](long long number, std::size_t digits, std::string_view behind) {
    const auto shown = std::to_string(number);
    text.append(digits - shown.size(), '0').append(shown).append(behind);
  };
  put(static_cast<int>(date.year()), 4, "-");
  put(static_cast<unsigned>(date.month()), 2, "-");
  put(static_cast<unsigned>(date.day()), 2, "T");
  put(clock.hours().count(), 2, ":");
  put(clock.minutes().count(), 2, ":");
  put(clock.seconds().count(), 2, "");
  if (nanos != 0) text += '.' + fraction(nanos, 6);
  return text + 'Z';
}

template <class Period>
std::string steps_of() {
  return ", in steps of " +
         (Period::den == 1 ? std::to_string(Period::num) : "1/" + std::to_string(Period::den)) +
         " s";
}

}  // namespace detail

/// Read from ISO 8601, or a number of seconds; written as ISO 8601. What its type cannot hold
/// exactly is an error, unless it is a floating one.
template <class Rep, class Period>
  requires detail::JsonDuration<Rep, Period>
struct Json<std::chrono::duration<Rep, Period>> {
  using Duration = std::chrono::duration<Rep, Period>;
  static constexpr JsonKinds kKinds{JsonKind::string, JsonKind::number};
  static bool read(JsonReader& in, Duration& out, Fault& fault) {
    if (in.kind() == JsonKind::number) return read_number(in, out, fault);
    std::string_view text;
    if (in.string(text) != JsonReader::Read::yes) return in.refuse(fault, wanted());
    return assign(out, detail::parse_duration(text)) ||
           fault.add("expected " + wanted() + ", got another string");
  }
  static bool write(JsonWriter& out, const Duration& value, Fault& fault) {
    const auto elapsed = detail::to_elapsed(value);
    if (!elapsed) return fault.add("duration too long to be written");
    return out.string(detail::format_duration(*elapsed));
  }
  static void describe(SchemaWriter& out) {
    out.member("type", "string");
    out.member("format", "duration");
  }

 private:
  static bool read_number(JsonReader& in, Duration& out, Fault& fault) {
    if constexpr (std::floating_point<Rep>) {
      double seconds = 0;
      if (!Json<double>::read(in, seconds, fault)) return false;
      out = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
      return true;
    } else {
      std::string_view text;
      if (!in.raw(text)) return fault.add(in.why());
      return assign(out, detail::parse_seconds(text)) ||
             fault.add("expected " + wanted() + ", got another number");
    }
  }
  static bool assign(Duration& out, const std::optional<detail::Elapsed>& elapsed) {
    const auto exact = elapsed ? detail::to_duration<Duration>(*elapsed) : std::nullopt;
    if (exact) out = *exact;
    return exact.has_value();
  }
  static std::string wanted() { return "duration such as PT1.5S" + detail::steps_of<Period>(); }
};

/// A std::chrono::sys_time. Read from RFC 3339 at any offset, of the years 1 to 9999; written in
/// UTC. What its type cannot hold exactly is an error.
template <class Rep, class Period>
  requires detail::JsonDuration<Rep, Period>
struct Json<std::chrono::sys_time<std::chrono::duration<Rep, Period>>> {
  using Duration = std::chrono::duration<Rep, Period>;
  using Time = std::chrono::sys_time<Duration>;
  static constexpr JsonKinds kKinds{JsonKind::string};
  static bool read(JsonReader& in, Time& out, Fault& fault) {
    std::string_view text;
    if (in.string(text) != JsonReader::Read::yes) return in.refuse(fault, wanted());
    const auto elapsed = detail::parse_time(text);
    const auto exact = elapsed ? detail::to_duration<Duration>(*elapsed) : std::nullopt;
    if (!exact) return fault.add("expected " + wanted() + ", got another string");
    out = Time(*exact);
    return true;
  }
  static bool write(JsonWriter& out, const Time& value, Fault& fault) {
    const auto elapsed = detail::to_elapsed(value.time_since_epoch());
    const auto text = elapsed ? detail::format_time(*elapsed) : std::nullopt;
    return text ? out.string(*text) : fault.add("time of a year that is none of 1 to 9999");
  }
  static void describe(SchemaWriter& out) {
    out.member("type", "string");
    out.member("format", "date-time");
  }

 private:
  static std::string wanted() {
    return "time such as 2026-01-31T12:00:00Z" + detail::steps_of<Period>();
  }
};

}  // namespace dojo
