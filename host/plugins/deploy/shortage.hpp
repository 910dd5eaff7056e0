// What a host or its machine may lack for a while: memory, threads, descriptors, disk. No fault of
// a plugin's file.
#pragma once

#include <string_view>

namespace dojo::plugins {

/// Whether a reason for which a file could not be taken up is the host's own condition. By its
/// text, since that is all the loader, another process and most exceptions give. A plugin that says
/// so of itself is tried again now and then, which is all it gets.
bool tells_of_shortage(std::string_view reason);
/// Whether memory is what is lacking.
bool tells_of_no_memory(std::string_view reason);

}  // namespace dojo::plugins
