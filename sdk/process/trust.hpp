// Whether what a file says may be relied upon, as OpenSSH asks with StrictModes (auth.c,
// auth_secure_path()): nobody but root and this user may be able to change it.
#pragma once

#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dojo::process {

/// Whether a group is its user's own: of the same name, and with nobody else in it. Debian gives
/// each user one, and many then have a umask that lets it write.
inline bool is_own_group(uid_t user, gid_t group) {
  std::array<char, 16'384> user_text{};
  std::array<char, 16'384> group_text{};
  passwd owner{};
  passwd* found = nullptr;
  if (getpwuid_r(user, &owner, user_text.data(), user_text.size(), &found) != 0 ||
      found == nullptr || owner.pw_gid != group) {
    return false;
  }
  struct group its{};
  struct group* found_group = nullptr;
  if (getgrgid_r(group, &its, group_text.data(), group_text.size(), &found_group) != 0 ||
      found_group == nullptr || std::strcmp(its.gr_name, owner.pw_name) != 0) {
    return false;
  }
  for (char** member = its.gr_mem; *member != nullptr; ++member) {
    if (std::strcmp(*member, owner.pw_name) != 0) return false;
  }
  return true;
}

/// Whose files are relied upon beside root's: this user's; and for root, who is told by the
/// operator which file to read, its owner's. So a container may be given its user's wallet and
/// config. Not for what is run: a plugin's owner would be root.
/// @param found what stat(2) says of the file
inline uid_t its_reader(const struct stat& found) {
  return geteuid() == 0 ? found.st_uid : geteuid();
}

/// Why others could change a file or folder, and what to type against it; empty if they cannot.
/// What is in a folder with the sticky bit (/tmp) is for its owner alone to replace.
/// @param found what stat(2) says @param path as people know it @param user who may change it,
/// beside root
inline std::string who_else_writes(const struct stat& found, const std::filesystem::path& path,
                                   uid_t user = geteuid()) {
  const auto& name = path.native();
  if (found.st_uid != 0 && found.st_uid != user) {
    const auto number = std::to_string(user);
    return name + " belongs to user " + std::to_string(found.st_uid) + ", and this is user " +
           number + ": chown " + number + ' ' + name;
  }
  if (S_ISDIR(found.st_mode) && (found.st_mode & S_ISVTX) != 0) return {};
  const bool by_group = (found.st_mode & S_IWGRP) != 0 && !is_own_group(found.st_uid, found.st_gid);
  if (!by_group && (found.st_mode & S_IWOTH) == 0) return {};
  std::array<char, 8> mode{};
  std::snprintf(mode.data(), mode.size(), "%04o", static_cast<unsigned>(found.st_mode & 07777U));
  return name + " can be written by others (mode " + mode.data() + "): chmod go-w " + name;
}

/// The same of a file that is open, of the folder that it is in and, where links lead to it, of the
/// folder that the link is in. What is no regular file (a pipe, a terminal) has no place.
/// @param found what fstat(2) says
inline std::string who_else_writes_file(const struct stat& found, const std::filesystem::path& file,
                                        uid_t user = geteuid()) {
  if (!S_ISREG(found.st_mode)) return {};
  auto fault = who_else_writes(found, file, user);
  std::error_code error;
  const auto real = std::filesystem::canonical(file, error);
  for (const auto& named : {std::filesystem::absolute(file, error), real}) {
    struct stat folder{};
    if (!fault.empty() || stat(named.parent_path().c_str(), &folder) != 0) break;
    fault = who_else_writes(folder, named.parent_path(), user);
  }
  return fault;
}

}  // namespace dojo::process
