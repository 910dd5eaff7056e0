// Any text: what decodes has that text and no other; and any key and prefix: what is written is
// read back.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <dojo/wire/ss58.hpp>

namespace {

using namespace dojo::wire;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_text(std::string_view text) {
  const auto address = decode_ss58(text);
  if (!address) {
    require(address.error().code == dojo::Code::malformed && !address.error().message.empty());
    return;
  }
  require(encode_ss58(address->key, address->prefix) == text);
}

void check_key(const std::uint8_t* data, std::size_t size) {
  PublicKey key{};
  std::uint16_t prefix = kBittensorPrefix;
  if (size >= sizeof prefix) std::memcpy(&prefix, data, sizeof prefix);
  prefix %= 16384;
  for (std::size_t i = 0; i < std::min(size, key.size()); ++i) key[i] = data[size - 1 - i];
  const auto address = decode_ss58(encode_ss58(key, prefix));
  if (prefix == 46 || prefix == 47) {
    require(!address);
    return;
  }
  require(address && address->key == key && address->prefix == prefix);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check_text({reinterpret_cast<const char*>(data), size});
  check_key(data, size);
  return 0;
}
