// A look at a shared object's file before the loader maps it.
#pragma once

#include <filesystem>

#include <dojo/result.hpp>

namespace dojo::plugins {

/// Checks that a file is a whole ELF shared object for this machine: what its headers promise lies
/// within it. The loader maps first and asks later, so a file that was cut short would end the
/// process with SIGBUS. Source: System V ABI, "ELF Header" and "Program Header" (gabi 4.1, chapters
/// 4 and 5).
/// @return an error that says what the file is instead. Any thread.
Status check_elf(const std::filesystem::path& file);

}  // namespace dojo::plugins
