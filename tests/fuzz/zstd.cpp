// Any body: what decompresses stays within the budget, whichever that is; and what we compress
// comes back.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <dojo/wire/compression.hpp>

namespace {

using namespace dojo::wire;

constexpr std::size_t kBudget = std::size_t{1} << 20;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_frames(std::string_view frames) {
  const auto content = decompress(frames, {.max_output = kBudget, .max_window_log = 20});
  if (!content) {
    require(content.error().code == dojo::Code::invalid_body ||
            content.error().code == dojo::Code::too_large);
    return;
  }
  require(content->size() <= kBudget);
  // A budget of just so much is enough, and one byte less is not.
  const auto again = decompress(frames, {.max_output = content->size(), .max_window_log = 20});
  require(again && *again == *content);
  if (content->empty()) return;
  const auto less = decompress(frames, {.max_output = content->size() - 1, .max_window_log = 20});
  require(!less && less.error().code == dojo::Code::too_large);
}

void check_content(std::string_view content, int level) {
  const auto frame = compress(content, level);
  require(frame.has_value());
  const auto back = decompress(*frame, {.max_output = content.size()});
  require(back && *back == content);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_frames(bytes);
  check_content(bytes, size == 0 ? 1 : 1 + data[0] % 5);
  return 0;
}
