// The names in a shared object's dynamic section: which libraries it wants, and where they are
// looked for.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <dojo/result.hpp>

namespace dojo::plugins {

/// As they stand in the file. Source: System V ABI, "Dynamic Section" (gabi 4.1, chapter 5).
struct ElfNames {
  std::vector<std::string> needed;     ///< DT_NEEDED, in its order
  std::optional<std::string> soname;   ///< DT_SONAME
  std::optional<std::string> rpath;    ///< DT_RPATH, which counts only where there is no runpath
  std::optional<std::string> runpath;  ///< DT_RUNPATH
};

/// Reads them from a file that may be anybody's: trusts no offset. Any thread.
/// @param fd open for reading; its position is left alone
Result<ElfNames> read_elf_names(int fd);

/// Other names for those of a file; what is empty stays as it is.
struct ElfRenaming {
  std::map<std::string, std::string> needed;  ///< old to new, also for the versions asked of them
  std::optional<std::string> soname;
  std::optional<std::string> rpath;
  std::optional<std::string> runpath;
};

/// Writes other names into a file, however long they are. The strings and the segment that is
/// mapped last move to the end of the file, where there is room; addresses stay, so that nothing
/// else has to. A name that the file does not have is none of its business.
/// @param fd open for reading and writing, of a file that nobody else has mapped
Status rename_in_elf(int fd, const ElfRenaming& renaming);

}  // namespace dojo::plugins
