#include "plugins/run/sandbox_options.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include <linux/capability.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace dojo::plugins {

bool can_become_others() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  if (::syscall(SYS_capget, &header, sets.data()) != 0) return false;
  return std::ranges::all_of(std::array{CAP_SETUID, CAP_SETGID, CAP_KILL}, [&](int capability) {
    return (sets[0].effective & (1U << static_cast<unsigned>(capability))) != 0;
  });
}

int landlock_abi() {
  const auto abi =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0UL, LANDLOCK_CREATE_RULESET_VERSION);
  return static_cast<int>(std::max(abi, 0L));
}

std::vector<std::string> sandbox_gaps(int abi) {
  if (abi < 1) {
    return {
        "the kernel has no Landlock (Linux 5.13, and \"landlock\" among its lsm=): a plugin's "
        "process may read and write what its user may, and look into processes of its user's; "
        "only what seccomp denies is denied. Give it a user of its own (run.NAME.user)"};
  }
  std::vector<std::string> gaps;
  if (abi < 2) {
    gaps.emplace_back(
        "the kernel's Landlock cannot allow moving files between folders (Linux 5.19): a plugin's "
        "process may not, also where it may write");
  }
  if (abi < 5) {
    gaps.emplace_back(
        "the kernel's Landlock does not know ioctl() of devices (Linux 6.10): a plugin's process "
        "may use all of them on devices that it may read");
  }
  if (abi < 6) {
    gaps.emplace_back(
        "the kernel's Landlock does not know signals and abstract sockets (Linux 6.12): seccomp "
        "alone denies them to a plugin's process");
  }
  return gaps;
}

}  // namespace dojo::plugins
