// The libraries that a plugin brings: those that its $ORIGIN, or a path relative to it, leads to.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "plugins/abi/elf_names.hpp"

namespace dojo::plugins {

/// What `$ORIGIN` is for a shared object: the folder that it is in, and, if it is a link, then the
/// one that its target is in.
using Origins = std::vector<std::filesystem::path>;
Origins origins_of(const std::filesystem::path& file);

/// One of them.
struct BroughtLibrary {
  std::string name;  ///< as DT_NEEDED has it
  std::filesystem::path file;
  Origins origins;
};

/// Finds them, and those that they bring, as ld.so(8) would beside the original file: by DT_RPATH
/// of the object and of those that want it, LD_LIBRARY_PATH, DT_RUNPATH. What it would find by an
/// absolute path, or in the system's folders, is not brought but there; nor is what a process can
/// have once alone, such as the C library, whoever brings it. A relative path starts from the
/// object's folder, not from wherever the host was started.
/// @param kept where the libraries are kept by their names (see kept_as()), and not looked for
/// elsewhere; empty: no such folder
std::vector<BroughtLibrary> find_brought(const ElfNames& plugin, const Origins& origins,
                                         const std::filesystem::path& kept = {});
/// The same for a plugin's file, which may be anybody's.
std::vector<BroughtLibrary> find_brought(const std::filesystem::path& plugin);

/// A library's name as that of a file.
std::string kept_as(const std::string& name);

/// Whether a DT_RPATH or DT_RUNPATH leads anywhere that depends on where its object is.
bool leads_beside(const std::string& path, const Origins& origins);
/// A DT_RPATH or DT_RUNPATH that leads from anywhere to where the given one leads from its object.
std::string anchored(const std::string& path, const Origins& origins);

}  // namespace dojo::plugins
