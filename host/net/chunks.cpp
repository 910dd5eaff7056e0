#include "net/chunks.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "net/grammar.hpp"
#include "text/words.hpp"

namespace dojo::net {

ChunkReader::Step ChunkReader::malformed(std::string_view why) {
  why_ = why;
  return {Event::malformed};
}

ChunkReader::Step ChunkReader::next(std::string_view input) {
  switch (stage_) {
    case Stage::data: {
      const auto payload =
          input.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size())));
      left_ -= payload.size();
      if (left_ == 0) stage_ = Stage::data_end;
      return {Event::data, payload.size(), payload};
    }
    case Stage::data_end:
      return read_data_end(input);
    case Stage::size:
    case Stage::trailer:
      break;
  }
  return read_line(input);
}

ChunkReader::Step ChunkReader::read_data_end(std::string_view input) {
  if (input[0] != '\r' || (input.size() > 1 && input[1] != '\n'))
    return malformed("no CRLF after a chunk");
  if (input.size() < 2) return {Event::need_more};
  stage_ = Stage::size;
  return {Event::data, 2};
}

ChunkReader::Step ChunkReader::read_line(std::string_view input) {
  const std::size_t room = stage_ == Stage::size ? kMaxLine : kMaxTrailers - trailers_ + 2;
  const std::string_view window = input.substr(0, room);
  const std::size_t newline = window.find('\n', seen_);
  if (newline == std::string_view::npos) {
    seen_ = window.size();
    if (input.size() >= room)
      return malformed(stage_ == Stage::size ? "chunk line too long" : "trailers too long");
    return {Event::need_more};
  }
  seen_ = 0;
  if (newline == 0 || input[newline - 1] != '\r') return malformed("bare LF in the chunked coding");
  const std::string_view line = input.substr(0, newline - 1);
  if (!is_text(line)) return malformed("control character in the chunked coding");
  Step step = stage_ == Stage::size ? read_size(line) : read_trailer(line);
  step.used = newline + 1;
  return step;
}

ChunkReader::Step ChunkReader::read_size(std::string_view line) {
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), size, 16);
  if (error != std::errc{}) return malformed("bad chunk size");
  std::string_view rest = line.substr(static_cast<std::size_t>(end - line.data()));
  extensions_ += rest.size();
  if (extensions_ > kMaxExtensions) return malformed("too many chunk extensions");
  // Blanks are legal before the `;` of an extension, and nowhere else.
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
  const bool bare = end == line.data() + line.size();
  if (!bare && (rest.empty() || rest.front() != ';')) return malformed("bad chunk size");
  if (size > std::numeric_limits<std::uint64_t>::max() - announced_)
    return malformed("bad chunk size");
  announced_ += size;
  left_ = size;
  stage_ = size == 0 ? Stage::trailer : Stage::data;
  return {Event::data};
}

ChunkReader::Step ChunkReader::read_trailer(std::string_view line) {
  if (line.empty()) return {Event::end};
  trailers_ += line.size() + 2;
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !text::is_token(line.substr(0, colon)))
    return malformed("bad trailer");
  return {Event::data};
}

}  // namespace dojo::net
