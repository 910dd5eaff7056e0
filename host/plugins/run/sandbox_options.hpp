// What a worker process is kept to.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace dojo::plugins {

/// Whom a process runs as.
struct User {
  uid_t user = 0;
  gid_t group = 0;
  friend bool operator==(const User&, const User&) = default;
};

/// See worker/sandbox.hpp.
struct SandboxOptions {
  bool on = false;
  std::vector<std::string> read{};   ///< absolute paths of files and folders that it may read, too
  std::vector<std::string> write{};  ///< likewise, that it may read and change
  std::optional<User> user{};        ///< nothing: whom the host runs as, without capabilities
  /// "NAME=value", also without a sandbox.
  std::vector<std::string> environment{};
  friend bool operator==(const SandboxOptions&, const SandboxOptions&) = default;
};

/// Whether this process may start others as other users, and end them: root, unless it has been
/// left without the capabilities.
bool can_become_others();

/// The Landlock ABI of the running kernel; 0: it has none, or it is turned off.
int landlock_abi();

/// What of a sandbox a kernel with this Landlock ABI cannot do, and what holds all the same: a
/// sentence each.
std::vector<std::string> sandbox_gaps(int abi);

}  // namespace dojo::plugins
