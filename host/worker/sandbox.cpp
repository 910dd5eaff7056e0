#include "worker/sandbox.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <type_traits>

#include <fmt/format.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace dojo::worker {
namespace {

using Filter = std::unique_ptr<std::remove_pointer_t<scmp_filter_ctx>, decltype(&seccomp_release)>;

// By name: those that this machine's kernel or library does not have are left out.
constexpr std::array kDenied = {
    // other programs
    "execve", "execveat",
    // other processes: their memory, descriptors, traces
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease",
    "pidfd_getfd", "kcmp", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "tkill", "pidfd_send_signal",
    // namespaces, mounts, roots
    "unshare", "setns", "mount", "umount", "umount2", "mount_setattr", "move_mount", "open_tree",
    "fsopen", "fsconfig", "fsmount", "fspick", "pivot_root", "chroot", "open_by_handle_at",
    // the kernel itself
    "init_module", "finit_module", "delete_module", "create_module", "kexec_load",
    "kexec_file_load", "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter",
    "io_uring_register", "add_key", "request_key", "keyctl", "syslog", "lookup_dcookie",
    "nfsservctl", "uselib", "iopl", "ioperm", "modify_ldt", "vm86", "vm86old", "personality",
    // the machine
    "reboot", "swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "sethostname",
    "setdomainname", "settimeofday", "stime", "clock_settime", "clock_settime64", "adjtimex",
    "clock_adjtime", "clock_adjtime64", "vhangup"};

constexpr std::array<scmp_datum_t, 7> kNamespaces = {CLONE_NEWNS,    CLONE_NEWUTS,  CLONE_NEWIPC,
                                                     CLONE_NEWPID,   CLONE_NEWUSER, CLONE_NEWNET,
                                                     CLONE_NEWCGROUP};

/// @return 0 or a negative errno
int deny(const Filter& filter, const char* name, int error = EPERM) {
  const int call = seccomp_syscall_resolve_name(name);
  if (call < 0) return 0;  // not of this architecture
  return seccomp_rule_add_array(filter.get(), SCMP_ACT_ERRNO(static_cast<std::uint16_t>(error)),
                                call, 0, nullptr);
}

/// @param argument which one, compared how, with what
int deny_if(const Filter& filter, int call, scmp_arg_cmp argument) {
  return seccomp_rule_add_array(filter.get(), SCMP_ACT_ERRNO(EPERM), call, 1, &argument);
}

int add_rules(const Filter& filter) {
  for (const auto* name : kDenied) {
    if (const int error = deny(filter, name); error != 0) return error;
  }
  // Its flags are in memory, where a filter cannot look; the C library then takes clone instead.
  if (const int error = deny(filter, "clone3", ENOSYS); error != 0) return error;
  for (const auto flag : kNamespaces) {
    if (const int error = deny_if(filter, SCMP_SYS(clone), {0, SCMP_CMP_MASKED_EQ, flag, flag});
        error != 0) {
      return error;
    }
  }
  // Signals to itself alone: abort(), raise() and pthread_kill() are of these.
  const auto self = static_cast<scmp_datum_t>(::getpid());
  for (const int call : {SCMP_SYS(kill), SCMP_SYS(tgkill)}) {
    if (const int error = deny_if(filter, call, {0, SCMP_CMP_NE, self, 0}); error != 0)
      return error;
  }
  // Typing on the terminal that the host was started from.
  return deny_if(filter, SCMP_SYS(ioctl), {1, SCMP_CMP_MASKED_EQ, 0xffffffff, TIOCSTI});
}

}  // namespace

Status enter_sandbox() {
  const Filter filter(seccomp_init(SCMP_ACT_ALLOW), &seccomp_release);
  if (!filter) return fail("seccomp: no filter can be made");
  int error = add_rules(filter);
  if (error == 0) error = seccomp_load(filter.get());
  if (error == 0) return {};
  return fail(fmt::format("seccomp: {}; set seccomp = false where the kernel has none",
                          std::strerror(-error)));
}

}  // namespace dojo::worker
