// Which files a process may open, as the kernel's Landlock has it (landlock(7)).
#pragma once

#include <cstdint>
#include <filesystem>

#include <dojo/result.hpp>

#include "base/descriptor.hpp"

namespace dojo::worker {

/// Rules that are made first and then hold for good, for the calling thread and those that it
/// starts. Nothing is allowed but what has been. Never allowed: to execute a file, to make a
/// socket or a device.
class Landlock {
 public:
  enum class Access : std::uint8_t { read, write };  ///< write: reading, too

  /// @param abi landlock_abi(), not 0
  static Result<Landlock> make(int abi);
  /// @param path a file, or a folder with all that is and will be in it; a link counts as its
  /// target
  /// @return its descriptor (O_PATH): the rule may go when the kernel forgets what it was made of,
  /// as it does with files of /proc, unless this is kept open
  Result<base::Descriptor> allow(const std::filesystem::path& path, Access access);
  /// From now on. Also keeps the process from the abstract sockets and from signalling the
  /// processes outside, where the kernel can. Needs no_new_privs.
  Status enforce() const;

 private:
  Landlock(base::Descriptor rules, std::uint64_t handled)
      : rules_(std::move(rules)), handled_(handled) {}

  base::Descriptor rules_;
  std::uint64_t handled_;
};

}  // namespace dojo::worker
