// Any x-message and any x-signature: what parses is written back as the very same text.
#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <dojo/wire/dialect.hpp>
#include <dojo/wire/signature.hpp>

namespace {

using namespace dojo::wire;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_dojo_message(std::string_view text) {
  const auto message = parse_dojo_message(text);
  if (!message) {
    require(message.error().code == dojo::Code::malformed && !message.error().message.empty());
    return;
  }
  require(dialect_of(text) == Dialect::dojo1);
  require(format_dojo_message(*message) == text);
}

void check_legacy_message(std::string_view text) {
  if (const auto hotkey = parse_legacy_message(text)) {
    require(legacy_message(*hotkey) == text);
    require(dialect_of(text) == Dialect::legacy);
  }
}

void check_signature(std::string_view text) {
  const auto signature = parse_signature(text);
  if (!signature) return;
  std::string lower(text.size() == 132 ? std::string(text).erase(2, 2) : text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  require(format_signature(*signature) == lower);
  // Almost certainly wrong; what matters is that it is looked at without harm.
  require(!verify_maybe_wrapped(PublicKey{}, text, *signature));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_dojo_message(text);
  check_legacy_message(text);
  check_signature(text);
  return 0;
}
