#include "worker/sandbox.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/descriptor.hpp"
#include "plugins/deploy/staging.hpp"
#include "worker/landlock.hpp"

namespace dojo::worker {
namespace {

namespace fs = std::filesystem;

// -- The environment --------------------------------------------------------------------------

/// Of the host's environment, which has its passwords: the language and time zone of what is
/// written for people, and where libraries are found, as for the host. No PATH, since there is no
/// program that it may start; no HOME or TMPDIR, since it may not look there.
bool kept(std::string_view variable) {
  const auto name = variable.substr(0, variable.find('='));
  return name == "LANG" || name == "LANGUAGE" || name.starts_with("LC_") || name == "TZ" ||
         name == "LD_LIBRARY_PATH";
}

/// Not only forgotten but overwritten: /proc/self/environ and the stack show where it was.
std::vector<std::string> wipe_environment() {
  std::vector<std::string> rest;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    if (kept(*variable)) rest.emplace_back(*variable);
    ::explicit_bzero(*variable, std::strlen(*variable));
  }
  ::clearenv();
  return rest;
}

Status set_environment(const std::vector<std::string>& variables) {
  for (const auto& variable : variables) {
    const auto equals = variable.find('=');
    const auto name = variable.substr(0, equals);
    if (::setenv(name.c_str(), variable.c_str() + equals + 1, 1) == 0) continue;
    return fail(fmt::format("the environment variable {}: {}", name, std::strerror(errno)));
  }
  return {};
}

// -- Files --------------------------------------------------------------------------------------

// What a program that is linked to libraries needs of the system. Nothing of it is secret.
constexpr std::array kSystemsFiles = {
    "/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/share",
    "/usr/local/lib", "/usr/local/lib64", "/usr/local/share", "/usr/local/cuda", "/etc/ld.so.cache",
    // names of hosts and services
    "/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/gai.conf",
    "/etc/services", "/etc/protocols",
    // certificates, but no keys
    "/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/openssl.cnf", "/etc/ca-certificates",
    "/etc/pki/tls/certs", "/etc/pki/tls/cert.pem", "/etc/pki/ca-trust",
    // the time
    "/etc/localtime", "/etc/timezone",
    // chance, and what the machine has: threads are counted by it, and put on processors
    "/dev/zero", "/dev/random", "/dev/urandom", "/sys/devices/system/cpu",
    "/sys/devices/system/node", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/filesystems",
    "/proc/sys/vm/overcommit_memory", "/proc/sys/vm/max_map_count", "/proc/sys/kernel/osrelease"};
// Its own threads' names are files.
constexpr std::array kSystemsFilesToWrite = {"/dev/null", "/proc/self"};

/// Makes a rule. Rules for /proc go when the kernel forgets what they were made of, unless it is
/// kept open: for as long as the process lives.
Status allow(Landlock& rules, const fs::path& path, Landlock::Access access) {
  static std::vector<base::Descriptor> of_proc;
  auto opened = rules.allow(path, access);
  if (!opened) return Unexpected(opened.error());
  if (path.native().starts_with("/proc/")) of_proc.push_back(std::move(*opened));
  return {};
}

/// For what no machine has all of.
Status allow_if_there(Landlock& rules, const fs::path& path, Landlock::Access access) {
  std::error_code error;
  return fs::exists(path, error) ? allow(rules, path, access) : Status();
}

/// What names servers is often a link to a file of a service's that is replaced whenever the
/// network changes: its folder is allowed then, since a rule for the file would go with it.
fs::path lasting(const fs::path& file) {
  std::error_code error;
  const auto target = fs::canonical(file, error);
  const auto folder = target.parent_path();
  const bool of_a_service = folder.native().starts_with("/run/");
  return error || !of_a_service ? file : folder;
}

Status allow_all(Landlock& rules, const plugins::SandboxOptions& options, const fs::path& file) {
  using Access = Landlock::Access;
  auto status = allow(rules, file, Access::read);
  if (status) status = allow_if_there(rules, plugins::libraries_of(file), Access::read);
  for (const fs::path path : kSystemsFiles) {
    if (status) status = allow_if_there(rules, lasting(path), Access::read);
  }
  for (const fs::path path : kSystemsFilesToWrite) {
    if (status) status = allow_if_there(rules, path, Access::write);
  }
  const auto grant = [&](const char* key, const std::vector<std::string>& paths,
                         Access access) -> Status {
    for (const auto& path : paths) {
      if (status) status = allow(rules, path, access);
      if (!status) return fail(fmt::format("`{}` grants {}", key, status.error().message));
    }
    return status;
  };
  if (status) status = grant("read", options.read, Access::read);
  if (status) status = grant("write", options.write, Access::write);
  return status;
}

/// What is granted and cannot be had is said at once, and not when a request comes that wants it.
Status check_grants(const plugins::SandboxOptions& options) {
  const auto check = [&](const std::string& path, int mode, std::string_view key,
                         std::string_view what) -> Status {
    struct stat found{};
    const bool folder = ::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
    if (::faccessat(AT_FDCWD, path.c_str(), folder ? mode | X_OK : mode, AT_EACCESS) == 0)
      return {};
    const int error = errno;
    return fail(
        fmt::format("`{}` grants {}, which user {} cannot {}: {}. Change its owner or mode, "
                    "or name another user (run.NAME.user)",
                    key, path, ::geteuid(), what, std::strerror(error)));
  };
  for (const auto& path : options.read) {
    if (auto status = check(path, R_OK, "read", "read"); !status) return status;
  }
  for (const auto& path : options.write) {
    if (auto status = check(path, R_OK | W_OK, "write", "write"); !status) return status;
  }
  return {};
}

// -- The user -------------------------------------------------------------------------------------

Status become(const plugins::User& user) {
  if (user.user == ::geteuid() && user.group == ::getegid()) return {};
  if (::setgroups(0, nullptr) == 0 && ::setresgid(user.group, user.group, user.group) == 0 &&
      ::setresuid(user.user, user.user, user.user) == 0) {
    return {};
  }
  return fail(fmt::format(
      "it cannot become user {}: {}. Only a host that root runs can give plugins users of their "
      "own: leave out run.NAME.user, or name the host's own user",
      user.user, std::strerror(errno)));
}

/// Those that it could ever get, which only root can drop.
void bound_capabilities() {
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  for (int capability = 0; ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0; ++capability) {
  }
}

Status drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  if (::syscall(SYS_capset, &header, none.data()) == 0) return {};
  return fail(fmt::format("its capabilities cannot be dropped: {}", std::strerror(errno)));
}

// -- System calls -----------------------------------------------------------------------------

using Filter = std::unique_ptr<std::remove_pointer_t<scmp_filter_ctx>, decltype(&seccomp_release)>;

// By name: those that this machine's kernel or library does not have are left out.
constexpr std::array kDenied = {
    // other programs, and processes that would outlive this one
    "execve", "execveat", "fork", "vfork",
    // other processes: their memory, descriptors, traces
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease",
    "pidfd_getfd", "kcmp", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "tkill", "pidfd_send_signal",
    "migrate_pages", "move_pages",
    // what Landlock does not know of files: also of those that may not be opened
    "chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown", "fchownat", "setxattr", "lsetxattr",
    "fsetxattr", "removexattr", "lremovexattr", "fremovexattr", "utime", "utimes", "futimesat",
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

// What Debian 12's libseccomp does not know by name: of every architecture, they are of the years
// in which all got the same numbers.
constexpr std::array kDeniedByNumber = {452,   // fchmodat2
                                        463,   // setxattrat
                                        466,   // removexattrat
                                        467,   // open_tree_attr
                                        469};  // file_setattr

constexpr std::array<scmp_datum_t, 7> kNamespaces = {CLONE_NEWNS,    CLONE_NEWUTS,  CLONE_NEWIPC,
                                                     CLONE_NEWPID,   CLONE_NEWUSER, CLONE_NEWNET,
                                                     CLONE_NEWCGROUP};
constexpr scmp_datum_t kInt = 0xffffffff;  // the kernel looks at no more of an int
constexpr scmp_datum_t kSocketType = 0xf;  // SOCK_CLOEXEC and others are above it

/// A call that is denied if one of its arguments is so.
struct DeniedIf {
  int call;
  scmp_arg_cmp argument;  // which one, compared how, with what
};

/// @return 0 or a negative errno
int deny(const Filter& filter, int call, int error = EPERM) {
  if (call < 0) return 0;  // not of this architecture
  return seccomp_rule_add_array(filter.get(), SCMP_ACT_ERRNO(static_cast<std::uint16_t>(error)),
                                call, 0, nullptr);
}

int deny_if(const Filter& filter, const DeniedIf& denied) {
  return seccomp_rule_add_array(filter.get(), SCMP_ACT_ERRNO(EPERM), denied.call, 1,
                                &denied.argument);
}

std::vector<DeniedIf> denied_if() {
  const auto is = [](unsigned which, scmp_datum_t value, scmp_datum_t mask = kInt) {
    return scmp_arg_cmp{which, SCMP_CMP_MASKED_EQ, mask, value};
  };
  const auto is_not = [](unsigned which, scmp_datum_t value) {
    return scmp_arg_cmp{which, SCMP_CMP_NE, value, 0};
  };
  const auto self = static_cast<scmp_datum_t>(::getpid());
  std::vector<DeniedIf> all = {
      // Signals to itself alone: abort(), raise() and pthread_kill() are of these.
      {SCMP_SYS(kill), is_not(0, self)},
      {SCMP_SYS(tgkill), is_not(0, self)},
      // Nor by way of a descriptor that is ready, to whoever is named its owner.
      {SCMP_SYS(fcntl), is(1, F_SETOWN)},
      {SCMP_SYS(fcntl), is(1, F_SETOWN_EX)},
      {SCMP_SYS(fcntl), is(1, F_SETSIG)},
      {SCMP_SYS(ioctl), is(1, FIOSETOWN)},
      {SCMP_SYS(ioctl), is(1, SIOCSPGRP)},
      // Limits and priorities of others.
      {SCMP_SYS(prlimit64), is_not(0, 0)},
      {SCMP_SYS(setpriority), is_not(0, 0)},
      {SCMP_SYS(setpriority), is_not(1, 0)},
      {SCMP_SYS(ioprio_set), is_not(1, 0)},
      // A process that is no thread of this one, or that does not end with the host.
      {SCMP_SYS(clone), is(0, 0, CLONE_THREAD)},
      {SCMP_SYS(prctl), is(0, PR_SET_PDEATHSIG)},
      // Unix sockets, the host's control socket among them. Pairs have nobody else at their ends,
      // but those that could be connected anew.
      {SCMP_SYS(socket), is(0, AF_UNIX)},
      {SCMP_SYS(socketpair), is(1, SOCK_DGRAM, kSocketType)},
      {SCMP_SYS(socketpair), is(1, SOCK_RAW, kSocketType)},
      // Times of files by their paths; those of an open one are futimens().
      {SCMP_SYS(utimensat), is_not(1, 0)},
      // Typing on the terminal that the host was started from.
      {SCMP_SYS(ioctl), is(1, TIOCSTI)}};
  for (const auto flag : kNamespaces) all.push_back({SCMP_SYS(clone), is(0, flag, flag)});
  return all;
}

/// @param truncate whether truncate() is denied here, since Landlock does not know it
int add_rules(const Filter& filter, bool truncate) {
  for (const auto* name : kDenied) {
    if (const int error = deny(filter, seccomp_syscall_resolve_name(name)); error != 0)
      return error;
  }
  for (const int call : kDeniedByNumber) {
    if (const int error = deny(filter, call); error != 0) return error;
  }
  // Its flags are in memory, where a filter cannot look; the C library then takes clone instead.
  if (const int error = deny(filter, seccomp_syscall_resolve_name("clone3"), ENOSYS); error != 0) {
    return error;
  }
  if (truncate) {
    if (const int error = deny(filter, SCMP_SYS(truncate)); error != 0) return error;
  }
  for (const auto& denied : denied_if()) {
    if (const int error = deny_if(filter, denied); error != 0) return error;
  }
  return 0;
}

Status filter_system_calls(bool truncate) {
  const Filter filter(seccomp_init(SCMP_ACT_ALLOW), &seccomp_release);
  if (!filter) return fail("seccomp: no filter can be made");
  int error = add_rules(filter, truncate);
  if (error == 0) error = seccomp_load(filter.get());
  if (error == 0) return {};
  return fail(fmt::format("seccomp: {}; set run.NAME.sandbox = false where the kernel has none",
                          std::strerror(-error)));
}

Status enter_sandbox(const plugins::SandboxOptions& options, const fs::path& file) {
  constexpr int kAbiTruncate = 3;
  const int abi = plugins::landlock_abi();
  std::optional<Landlock> rules;
  if (abi > 0) {
    auto made = Landlock::make(abi);
    if (!made) return Unexpected(made.error());
    rules = std::move(*made);
    if (auto status = allow_all(*rules, options, file); !status) return status;
  }
  bound_capabilities();
  if (options.user) {
    if (auto status = become(*options.user); !status) return status;
  }
  if (auto status = drop_capabilities(); !status) return status;
  // Another user is not killed any more when the host's thread ends: see apply_limits().
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
    return fail(fmt::format("prctl: {}", std::strerror(errno)));
  }
  if (auto status = check_grants(options); !status) return status;
  if (rules) {
    if (auto status = rules->enforce(); !status) return status;
  }
  return filter_system_calls(abi < kAbiTruncate);
}

}  // namespace

Status confine(const plugins::SandboxOptions& options, const fs::path& file) {
  if (options.on) {
    if (auto status = set_environment(wipe_environment()); !status) return status;
  }
  if (auto status = set_environment(options.environment); !status) return status;
  return options.on ? enter_sandbox(options, file) : Status();
}

}  // namespace dojo::worker
