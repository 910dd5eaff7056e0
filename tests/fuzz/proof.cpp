// Any bytes as a proof: what is wrong with them is said, and what they prove can be shown.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include <dojo/client/proof.hpp>

namespace {

using namespace dojo;

void require(bool condition) {
  if (!condition) std::abort();
}

bool is_reason(Code code) {
  return code == Code::malformed || code == Code::no_signature || code == Code::wrong_receiver ||
         code == Code::bad_signature;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<char> exact(data, data + size);
  const auto proven = check_proof({exact.data(), exact.size()});
  if (!proven) {
    require(is_reason(proven.error().code) && !proven.error().message.empty());
    return 0;
  }
  constexpr std::size_t kAddress = 48;
  require(proven->asker.size() == kAddress && !proven->answerer.empty());
  require(!proven->method.empty());
  return 0;
}
