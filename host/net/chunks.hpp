// The chunked coding (RFC 9112, 7.1). Beast's reader of it is not used: in Boost 1.74 it merges
// trailers into the request's headers, lets quoted extensions run past their line, accepts control
// characters in them and folded trailers, and sets no bound to either.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace dojo::net {

/// Takes one chunked body apart. It holds no bytes: unfinished lines are given again, with more
/// behind them.
class ChunkReader {
 public:
  enum class Event {
    need_more,  ///< the input ends within a line
    data,       ///< `payload` is the next piece of the body
    end,        ///< the body and its trailers are over
    malformed,  ///< why() says how
  };
  struct Step {
    Event event;
    std::size_t used = 0;  ///< bytes of the input that are done with
    std::string_view payload = {};
  };

  /// The next step from the front of `input`, which must not be empty.
  Step next(std::string_view input);
  [[nodiscard]] std::string_view why() const { return why_; }
  /// Bytes of payload announced so far by the chunks' sizes.
  [[nodiscard]] std::uint64_t announced() const { return announced_; }

  static constexpr std::size_t kMaxLine = 512;  ///< bytes of a chunk's size with its extensions
  static constexpr std::size_t kMaxExtensions = 64 << 10;  ///< bytes of all such lines' extensions
  static constexpr std::size_t kMaxTrailers = 4 << 10;     ///< bytes of all trailers

 private:
  enum class Stage { size, data, data_end, trailer };

  Step read_line(std::string_view input);
  Step read_data_end(std::string_view input);
  Step read_size(std::string_view line);
  Step read_trailer(std::string_view line);
  Step malformed(std::string_view why);

  Stage stage_ = Stage::size;
  std::uint64_t left_ = 0;
  std::uint64_t announced_ = 0;
  std::size_t extensions_ = 0;
  std::size_t trailers_ = 0;
  std::size_t seen_ = 0;  // bytes of the unfinished line already looked through
  std::string_view why_;
};

}  // namespace dojo::net
