// Any bytes as a stream: its events are the same in whatever pieces they come, what is read of one
// can be written, and what has been read is bounded.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dojo/model.hpp>
#include <dojo/wire/stream.hpp>

namespace {

using namespace dojo;
using Events = std::vector<std::pair<std::string, std::string>>;

void require(bool condition) {
  if (!condition) std::abort();
}

bool read(std::string_view bytes, std::size_t size, Events& events) {
  wire::EventReader reader;
  while (!bytes.empty()) {
    const auto piece = bytes.substr(0, size);
    bytes.remove_prefix(piece.size());
    if (!reader.feed(piece, [&](std::string_view event, std::string_view data) {
          events.emplace_back(event, data);
        })) {
      return false;
    }
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::vector<char> exact(data + 1, data + size);
  const std::string_view bytes(exact.data(), exact.size());
  Events whole;
  Events pieces;
  require(read(bytes, bytes.size() + 1, whole) == read(bytes, 1 + data[0] % 16, pieces));
  require(whole == pieces);
  for (const auto& [event, text] : whole) {
    require(text.size() <= wire::EventReader::kLongest);
    if (!fault_of_chunk(text)) {
      require(check_json(text).has_value() && text.size() <= kLongestChunk);
      Events again;
      require(read(wire::format_event(wire::kChunkEvent, text), 7, again));
      require(again == Events{{std::string(wire::kChunkEvent), text}});
    }
    if (const auto end = wire::parse_stream_end(text)) {
      require(check_json(text).has_value() && end->digest.size() == 64);
      if (end->signature &&
          end->signature->find_first_not_of("0123456789abcdefx") != std::string::npos)
        continue;
      const auto written = wire::parse_stream_end(wire::format_stream_end(*end));
      require(written && written->digest == end->digest && written->count == end->count &&
              written->signature == end->signature);
    }
  }
  return 0;
}
