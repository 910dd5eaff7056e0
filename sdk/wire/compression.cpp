#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>

#include <fmt/format.h>
#include <zstd.h>

#include <dojo/wire/compression.hpp>

namespace dojo::wire {
namespace {

struct FreeCompressor {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};
struct FreeDecompressor {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};
using Compressor = std::unique_ptr<ZSTD_CCtx, FreeCompressor>;
using Decompressor = std::unique_ptr<ZSTD_DCtx, FreeDecompressor>;

/// A thread's context is kept between calls, since making one costs more than a small body, but not
/// once a high level or a large window has made it larger than this (bytes). Level 3 needs up
/// to 3.5 MiB.
constexpr std::size_t kKeptContext = std::size_t{4} << 20;

Compressor& thread_compressor() {
  thread_local Compressor context;
  if (context == nullptr) context.reset(ZSTD_createCCtx());
  return context;
}

Decompressor& thread_decompressor() {
  thread_local Decompressor context;
  if (context == nullptr) context.reset(ZSTD_createDCtx());
  return context;
}

/// Gives a context's memory back on leaving a scope, if it grew beyond what is kept.
template <class Context>
class ShrinkLater {
 public:
  explicit ShrinkLater(Context& context) : context_(context) {}
  ~ShrinkLater() {
    if (size_of(context_.get()) > kKeptContext) context_.reset();
  }
  ShrinkLater(const ShrinkLater&) = delete;
  ShrinkLater& operator=(const ShrinkLater&) = delete;

 private:
  static std::size_t size_of(const ZSTD_CCtx* context) { return ZSTD_sizeof_CCtx(context); }
  static std::size_t size_of(const ZSTD_DCtx* context) { return ZSTD_sizeof_DCtx(context); }

  Context& context_;
};

Unexpected<Error> no_zstd(std::string_view reason) {
  return fail(fmt::format("the body is not what zstd writes: {}", reason), Code::invalid_body);
}

Unexpected<Error> over_budget(std::size_t budget) {
  return fail(fmt::format("the body decompresses to more than {} bytes", budget), Code::too_large);
}

/// What a frame's header tells (RFC 8878 §3.1.1 and §3.1.2).
struct Frame {
  std::size_t skip = 0;                 ///< bytes of a skippable frame; 0: a frame with content
  unsigned long long content_size = 0;  ///< bytes, or ZSTD_CONTENTSIZE_UNKNOWN
};

std::uint32_t little_endian_32(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;) value = value << 8 | static_cast<std::uint8_t>(bytes[i]);
  return value;
}

/// The window that the byte behind the frame header's descriptor asks for, in bytes (RFC 8878
/// §3.1.1.1.2).
std::uint64_t window_size(std::uint8_t descriptor) {
  const std::uint64_t base = std::uint64_t{1} << (10 + (descriptor >> 3));
  return base + base / 8 * (descriptor & 7U);
}

Result<Frame> read_skippable(std::string_view input) {
  constexpr std::size_t kHeader = 8;
  if (input.size() < kHeader) return no_zstd("it is cut short");
  const std::uint64_t size = kHeader + std::uint64_t{little_endian_32(input.substr(4))};
  if (size > input.size()) return no_zstd("it is cut short");
  return Frame{.skip = static_cast<std::size_t>(size)};
}

/// Reads a frame's header, and refuses what the wire does not allow before any memory is given to
/// it. libzstd would also take the formats from before RFC 8878, and does not look at the window
/// when it can decode in one go.
Result<Frame> read_header(std::string_view input, int max_window_log) {
  constexpr std::size_t kMagicSize = 4;
  if (input.size() < kMagicSize) return no_zstd("it is cut short, or has other bytes behind it");
  const std::uint32_t magic = little_endian_32(input);
  if ((magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START) {
    return read_skippable(input);
  }
  if (magic != ZSTD_MAGICNUMBER) return no_zstd("no frame begins where one should");
  if (input.size() < kMagicSize + 2) return no_zstd("it is cut short");
  const auto descriptor = static_cast<std::uint8_t>(input[kMagicSize]);
  constexpr unsigned kSingleSegment = 0x20;
  constexpr unsigned kDictionaryIdSize = 0x03;
  if ((descriptor & kDictionaryIdSize) != 0) return no_zstd("it names a dictionary");
  const std::uint64_t max_window = std::uint64_t{1} << max_window_log;
  if ((descriptor & kSingleSegment) == 0 &&
      window_size(static_cast<std::uint8_t>(input[kMagicSize + 1])) > max_window) {
    return no_zstd(fmt::format("it asks for a window of more than 2^{} bytes", max_window_log));
  }
  const auto content_size = ZSTD_getFrameContentSize(input.data(), input.size());
  if (content_size == ZSTD_CONTENTSIZE_ERROR) return no_zstd("a frame header is wrong");
  return Frame{.content_size = content_size};
}

/// Bytes of a frame's header (RFC 8878 §3.1.1.1) that read_header() has accepted.
std::size_t header_size(std::string_view input) {
  const auto descriptor = static_cast<std::uint8_t>(input[4]);
  const bool single_segment = (descriptor & 0x20U) != 0;
  const unsigned flag = descriptor >> 6;
  const std::size_t content_size_field =
      flag == 0 ? (single_segment ? 1 : 0) : std::size_t{1} << flag;
  return 4 + 1 + (single_segment ? 0 : 1) + content_size_field;
}

/// Walks over a frame's blocks (RFC 8878 §3.1.1.2) and takes the frame off. A block of equal bytes
/// tells how many it stands for, and so does one that is not compressed; of others it is not known.
/// @param least is added to @return false if the frame cannot be followed to its end
bool skip_blocks(std::string_view& input, std::uint64_t& least) {
  const bool checksum = (static_cast<std::uint8_t>(input[4]) & 0x04U) != 0;
  input.remove_prefix(std::min(header_size(input), input.size()));
  for (bool last = false; !last;) {
    if (input.size() < 3) return false;
    const std::uint32_t header =
        static_cast<std::uint8_t>(input[0]) |
        static_cast<std::uint32_t>(static_cast<std::uint8_t>(input[1])) << 8 |
        static_cast<std::uint32_t>(static_cast<std::uint8_t>(input[2])) << 16;
    last = (header & 1U) != 0;
    const auto type = header >> 1 & 3U;
    const std::size_t size = header >> 3;
    constexpr std::uint32_t kRaw = 0;
    constexpr std::uint32_t kRle = 1;
    if (type == kRaw || type == kRle) least += size;
    const std::size_t stored = 3 + (type == kRle ? 1 : size);
    if (input.size() < stored) return false;
    input.remove_prefix(stored);
  }
  if (checksum && input.size() < 4) return false;
  input.remove_prefix(checksum ? 4 : 0);
  return true;
}

/// As least_decompressed_size(). @param enough to stop at
std::uint64_t least_size(std::string_view frames, int max_window_log, std::uint64_t enough) {
  std::uint64_t least = 0;
  while (!frames.empty() && least <= enough) {
    const auto frame = read_header(frames, max_window_log);
    if (!frame) break;
    if (frame->skip > 0) {
      frames.remove_prefix(frame->skip);
      continue;
    }
    std::uint64_t of_blocks = 0;
    const bool whole = skip_blocks(frames, of_blocks);
    const bool known = frame->content_size != ZSTD_CONTENTSIZE_UNKNOWN;
    // A size beyond all budgets must not make the sum overflow.
    least += known ? std::min<std::uint64_t>(frame->content_size, enough + 1) : of_blocks;
    if (!whole) break;
  }
  return least;
}

/// Decoded bytes, and room for more behind them that has been zeroed once and is not zeroed again
/// for each frame.
struct Output {
  std::string bytes;
  std::size_t used = 0;

  void make_room(std::size_t count, std::size_t ceiling) {
    const std::size_t wanted = used + std::min(count, ceiling - used);
    if (bytes.size() < wanted) bytes.resize(wanted);
  }
};

/// Decodes the one frame at the front of `input`, and takes it off.
Status decode_frame(ZSTD_DCtx* context, const Frame& frame, std::size_t max_output,
                    std::string_view& input, Output& output) {
  // One byte more than allowed, so that too much is told apart from just enough.
  const std::size_t ceiling = max_output + 1;
  constexpr std::size_t kLeastRoom = std::size_t{4} << 10;
  const bool known = frame.content_size != ZSTD_CONTENTSIZE_UNKNOWN;
  if (known && frame.content_size > max_output - output.used) return over_budget(max_output);
  output.make_room(
      known ? static_cast<std::size_t>(frame.content_size) : std::max(kLeastRoom, 4 * input.size()),
      ceiling);

  ZSTD_inBuffer in{input.data(), input.size(), 0};
  for (;;) {
    ZSTD_outBuffer out{output.bytes.data(), output.bytes.size(), output.used};
    const std::size_t left = ZSTD_decompressStream(context, &out, &in);
    output.used = out.pos;
    if (ZSTD_isError(left) != 0) return no_zstd(ZSTD_getErrorName(left));
    if (out.pos > max_output) return over_budget(max_output);
    if (left == 0) break;
    if (out.pos == out.size) {
      output.make_room(std::max(kLeastRoom, output.used), ceiling);
    } else if (in.pos == in.size) {
      return no_zstd("it is cut short");
    }
  }
  input.remove_prefix(in.pos);
  return {};
}

/// What libzstd can, and what can be reckoned with.
DecompressionLimits within_reason(const DecompressionLimits& limits) {
  const auto window = ZSTD_dParam_getBounds(ZSTD_d_windowLogMax);
  return {std::min(limits.max_output, std::numeric_limits<std::size_t>::max() / 4),
          std::clamp(limits.max_window_log, window.lowerBound, window.upperBound)};
}

}  // namespace

Result<std::string> compress(std::string_view bytes, int level) {
  if (level < 1 || level > ZSTD_maxCLevel()) {
    return fail(
        fmt::format("compression level {} does not exist: give 1 to {}", level, ZSTD_maxCLevel()));
  }
  Compressor& context = thread_compressor();
  if (context == nullptr) return fail("no memory for a zstd compressor");
  const ShrinkLater shrink(context);
  // Memory that is not zeroed first: the bound is larger than the body, of which most is never
  // touched.
  const std::size_t bound = ZSTD_compressBound(bytes.size());
  const auto frame = std::make_unique_for_overwrite<char[]>(bound);
  const std::size_t size =
      ZSTD_compressCCtx(context.get(), frame.get(), bound, bytes.data(), bytes.size(), level);
  if (ZSTD_isError(size) != 0) {
    return fail(fmt::format("zstd cannot compress: {}", ZSTD_getErrorName(size)));
  }
  return std::string(frame.get(), size);
}

std::uint64_t least_decompressed_size(std::string_view frames, const DecompressionLimits& limits) {
  const auto [max_output, max_window_log] = within_reason(limits);
  return least_size(frames, max_window_log, max_output);
}

Result<std::string> decompress(std::string_view frames, const DecompressionLimits& limits) {
  const auto [max_output, max_window_log] = within_reason(limits);
  if (least_size(frames, max_window_log, max_output) > max_output) return over_budget(max_output);
  Decompressor& context = thread_decompressor();
  if (context == nullptr) return fail("no memory for a zstd decompressor");
  const ShrinkLater shrink(context);

  Output output;
  bool any = false;
  while (!frames.empty() || !any) {
    const auto frame = read_header(frames, max_window_log);
    if (!frame) return Unexpected(frame.error());
    if (frame->skip > 0) {
      frames.remove_prefix(frame->skip);
      continue;
    }
    ZSTD_DCtx_reset(context.get(), ZSTD_reset_session_and_parameters);
    ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, max_window_log);
    if (auto done = decode_frame(context.get(), *frame, max_output, frames, output); !done) {
      return Unexpected(std::move(done).error());
    }
    any = true;
  }
  output.bytes.resize(output.used);
  return std::move(output.bytes);
}

}  // namespace dojo::wire
