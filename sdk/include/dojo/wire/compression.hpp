// zstd (RFC 8878) with the rules of the wire: frames that we send state their content size; frames
// that we receive are decoded within a hard budget, whatever they claim.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <dojo/result.hpp>

namespace dojo::wire {

inline constexpr int kDefaultCompressionLevel = 3;  ///< the level the Python package uses

/// One zstd frame that carries its content size. The Python peer cannot decode any other.
/// @param level 1…22. Contexts are kept per thread. Any thread.
Result<std::string> compress(std::string_view bytes, int level = kDefaultCompressionLevel);

struct DecompressionLimits {
  std::size_t max_output = std::size_t{16} << 20;  ///< bytes
  int max_window_log =
      23;  ///< 2^23 bytes = 8 MiB, what RFC 8878 §3.1.1.1.2 asks every decoder to support
};

/// What frames decompress to at least, read from their headers and their blocks' without decoding
/// anything: of the usual bombs that tells enough. What is malformed counts up to there.
/// @return bytes; more than `limits.max_output`: it is too much. Any thread.
std::uint64_t least_decompressed_size(std::string_view frames,
                                      const DecompressionLimits& limits = {});

/// Decodes one or more whole zstd frames (skippable frames are skipped), with or without content
/// size. Output stops at `max_output` bytes: memory beyond that (and beyond a small multiple of the
/// input) is never asked for.
/// @return the content; errors: Code::too_large over the budget; Code::invalid_body for anything
/// that is no zstd, is cut short, has bytes behind it, fails its checksum, names a dictionary or
/// asks for a larger window. Any thread.
Result<std::string> decompress(std::string_view frames, const DecompressionLimits& limits = {});

}  // namespace dojo::wire
