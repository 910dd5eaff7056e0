#include "chunks.hpp"

#include <cstdio>
#include <utility>

#include "json_print.hpp"

namespace dojo::cli {

Response print_chunks(ChunkStream<RawJson> stream) {
  while (const auto chunk = stream.next()) {
    std::puts(json_for_stdout(chunk->text).c_str());
    std::fflush(stdout);  // whoever reads a pipe is to see it now, too
  }
  return stream.result();
}

}  // namespace dojo::cli
