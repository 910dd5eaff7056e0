// Streamed answers as the commands show them.
#pragma once

#include <dojo/client.hpp>

namespace dojo::cli {

/// Prints the chunks of an answer as they come, a line each; nothing of one that is no stream.
/// @return what came of it
Response print_chunks(ChunkStream<RawJson> stream);

}  // namespace dojo::cli
