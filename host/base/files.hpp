// Folders and small files of the host's own, in <state>/plugins.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include <dojo/result.hpp>

#include "base/descriptor.hpp"

namespace dojo::base {

/// Opens a folder that nobody else may look into, and makes it (0700) and those above it if they
/// are missing.
/// @return its descriptor, or why it is not to be used: another's, open to others, no folder
Result<Descriptor> open_private_folder(const std::filesystem::path& folder);

/// Puts a file in place of the one of that name, whole or not at all, also if the power fails.
/// @param folder its descriptor
Status write_atomically(int folder, const std::string& name, std::string_view text);

/// All of it, however many calls that takes; nothing is flushed.
Status write_all(int fd, std::string_view bytes);

/// Reads a file without following a link. @return an error also if it is longer than `longest`
Result<std::string> read_small(int folder, const std::string& name, std::size_t longest);

/// Makes a lock file (0600) if it is missing, and locks it (flock(2)) for as long as its descriptor
/// is open.
/// @return the descriptor; none in it if somebody else has the lock
Result<Descriptor> take_lock(int folder, const std::string& name);

/// Calls `visit` with the name of each entry but "." and "..".
Status each_entry(int folder, const std::function<void(const std::string&)>& visit);

/// What errno says, for "…: No space left on device".
std::string why();

}  // namespace dojo::base
