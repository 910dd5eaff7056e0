// A look at a shared object's file before the loader maps it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <dojo/result.hpp>

namespace dojo::plugins {

/// Checks that a file is a whole ELF shared object for this machine: what its headers promise lies
/// within it. The loader maps first and asks later, so a file that was cut short would end the
/// process with SIGBUS. Source: System V ABI, "ELF Header" and "Program Header" (gabi 4.1, chapters
/// 4 and 5).
/// @return an error that says what the file is instead. Any thread.
Status check_elf(const std::filesystem::path& file);

/// What a plugin's file says of itself, read without running any of it.
struct ElfFacts {
  bool note = false;  ///< it has the note of dojo/plugin.h; where the next three are from
  std::string name;   ///< as it stands there, of at most 63 bytes: not checked yet
  std::uint16_t abi_major = 0;
  std::uint16_t abi_minor = 0;
  std::vector<std::string> needed;          ///< DT_NEEDED: the libraries it wants; 64 at most
  std::vector<std::string> unique_symbols;  ///< defined with STB_GNU_UNIQUE, mangled; 4 at most
  bool nodelete = false;                    ///< DF_1_NODELETE
  bool entry = false;                       ///< it exports dojo_plugin_entry
  bool executable_stack = false;            ///< PT_GNU_STACK is missing, or says so
  bool static_tls = false;                  ///< DF_STATIC_TLS
  bool go = false;                          ///< it holds Go's runtime
};

/// Reads the facts with libelf, after check_elf(). The file may be anybody's and libelf is large:
/// to be called in a process that may die of it, `dojo-worker probe`.
Result<ElfFacts> inspect_elf(const std::filesystem::path& file);

/// All that speaks against loading it, a line each, with what to do about it; empty if nothing
/// does.
std::vector<std::string> loading_faults(const ElfFacts& facts);
/// The same for having it in the host's own process, where it is to leave things as they are, and
/// to be unloaded again.
std::vector<std::string> sharing_faults(const ElfFacts& facts);

/// Both, in one error. @param isolated it is to have a process of its own, and need not be unloaded
Status check_facts(const ElfFacts& facts, bool isolated);

}  // namespace dojo::plugins
