#include "json_print.hpp"

#include <rapidjson/memorystream.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <unistd.h>

#include "text/terminal.hpp"

namespace dojo::cli {
namespace {

// RapidJSON would write a number that it kept as text in quotes.
template <class Writer>
struct KeepsNumbers : Writer {
  using Writer::Writer;
  // NOLINTNEXTLINE(readability-identifier-naming): the name that RapidJSON calls
  bool RawNumber(const char* digits, rapidjson::SizeType length, bool) {
    return this->RawValue(digits, length, rapidjson::kNumberType);
  }
};

template <class Writer>
std::string rewrite(std::string_view json) {
  constexpr unsigned kFlags =
      rapidjson::kParseNumbersAsStringsFlag | rapidjson::kParseIterativeFlag;
  rapidjson::MemoryStream in(json.data(), json.size());
  rapidjson::StringBuffer out;
  KeepsNumbers<Writer> writer(out);
  rapidjson::Reader reader;
  if (!reader.Parse<kFlags>(in, writer)) return std::string(json);
  return {out.GetString(), out.GetSize()};
}

}  // namespace

std::string reformat_json(std::string_view json, bool pretty) {
  return pretty ? rewrite<rapidjson::PrettyWriter<rapidjson::StringBuffer>>(json)
                : rewrite<rapidjson::Writer<rapidjson::StringBuffer>>(json);
}

std::string json_for_stdout(std::string_view json) {
  const bool terminal = stdout_is_terminal();
  auto text = reformat_json(json, terminal);
  return terminal ? text::escaped_json(text) : text;
}

bool stdout_is_terminal() {
  return isatty(STDOUT_FILENO) == 1;
}

}  // namespace dojo::cli
