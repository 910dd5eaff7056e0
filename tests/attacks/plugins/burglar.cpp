// A plugin that tries every door out of its process, and says which are open. Whoever breaks the
// sandbox to see it notice runs it on his own machine: each door is tried so that nothing is
// changed where it is open (signal 0, a mode that a file has, a file system that there is not).
#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <dojo/plugin.hpp>

namespace {

/// [plugins.burglar]: where on this machine there is something to get.
struct Config {
  std::string state;                // the host's folders and files
  std::string plugins;              //
  std::string config;               //
  std::string log;                  //
  std::string model;                // a file that another plugin is granted
  std::vector<std::string> secret;  // pieces of a value in the host's environment: whole, it would
                                    // be found in this process for its being here
  bool user = false;                // the host is root, so this is to be somebody else
};
DOJO_MODEL(Config, state, plugins, config, log, model, secret, user)

struct Doors {
  std::vector<std::string> tried{};
  std::vector<std::string> open{};
};
DOJO_MODEL(Doors, DOJO_DEFAULT(tried), DOJO_DEFAULT(open))

/// -1, or what is to be closed.
class Opened {
 public:
  explicit Opened(int fd) : fd_(fd) {}
  ~Opened() {
    if (fd_ >= 0) ::close(fd_);
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  [[nodiscard]] int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

bool opens(const std::string& path, int flags = O_RDONLY) {
  return static_cast<bool>(Opened(::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK, 0600)));
}

bool lists(const std::string& folder) {
  DIR* const opened = ::opendir(folder.c_str());
  if (opened == nullptr) return false;
  const bool read = ::readdir(opened) != nullptr;
  ::closedir(opened);
  return read;
}

bool makes(const std::string& folder) {
  const auto file = folder + "/burglar";
  const bool made = opens(file, O_WRONLY | O_CREAT | O_EXCL);
  if (made) ::unlink(file.c_str());
  return made;
}

/// Whether the call was let through: it may have failed for another reason than that it is denied.
bool let_through(long result) {
  return result >= 0 || (errno != EPERM && errno != EACCES && errno != ENOSYS);
}

bool connects(int type, const std::string& path, bool pair) {
  std::array<int, 2> ends{-1, -1};
  if (pair) {
    if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) != 0) return false;
  } else {
    ends[0] = ::socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
  }
  const Opened one(ends[0]);
  const Opened other(ends[1]);
  if (!one) return false;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(one.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return true;
  }
  return errno == EPROTOTYPE;  // it is there, and of another type
}

/// The first argument of socket() is an int: what is above it a filter sees, and the kernel not.
bool makes_socket_by_high_bits() {
  const Opened socket(static_cast<int>(
      ::syscall(SYS_socket, (std::uint64_t{1} << 32) | AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)));
  return static_cast<bool>(socket);
}

std::string read_all(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Whether a text is anywhere in what of this process can be read. Given the wrong way round, so
/// that it is not found for being looked for.
bool is_in_memory(const std::string& reversed) {
  constexpr std::size_t kPage = 4096;
  std::vector<char> copy(kPage + reversed.size());
  const Opened sink(::memfd_create("page", MFD_CLOEXEC));  // takes what may not be there to be read
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    unsigned long begin = 0;
    unsigned long end = 0;
    char readable = '-';
    if (std::sscanf(line.c_str(), "%lx-%lx %c", &begin, &end, &readable) != 3) continue;
    if (readable != 'r' || line.find("[v") != std::string::npos) continue;
    for (auto page = begin; page < end; page += kPage) {
      const auto size = std::min<std::size_t>(copy.size(), end - page);
      // NOLINTNEXTLINE(*-no-int-to-ptr): as the kernel lists them
      const auto got = ::pwrite(sink.get(), reinterpret_cast<const void*>(page), size, 0);
      if (got <= 0 || ::pread(sink.get(), copy.data(), size, 0) < got) continue;
      const auto last = copy.begin() + got;
      const bool found =
          std::search(copy.begin(), last, reversed.rbegin(), reversed.rend()) != last;
      std::ranges::fill(copy, '\0');
      if (found) return true;
    }
  }
  return false;
}

/// A descriptor of this process that leads out of it.
bool has_foreign_descriptor() {
  for (int fd = 0; fd < 1024; ++fd) {
    struct stat found{};
    if (::fstat(fd, &found) != 0) continue;
    if ((::fcntl(fd, F_GETFL) & O_PATH) != 0) continue;  // a name, by which nothing is read
    std::error_code gone;
    const auto target =
        std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), gone).string();
    const bool own_file = target.find("/staged/") != std::string::npos;
    if (S_ISREG(found.st_mode) && !own_file && !target.starts_with("/memfd:")) return true;
    if (S_ISDIR(found.st_mode) || S_ISBLK(found.st_mode)) return true;
    if (S_ISCHR(found.st_mode) && target != "/dev/null" && target != "/dev/urandom") return true;
    if (fd > STDERR_FILENO || !S_ISSOCK(found.st_mode)) continue;
    return true;
  }
  return false;
}

bool writes_to_log() {
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
    struct stat found{};
    if (::fstat(fd, &found) == 0 && !S_ISFIFO(found.st_mode)) return true;
  }
  return false;
}

bool starts_program() {
  pid_t child = -1;
  std::string program = "/bin/true";
  std::array<char*, 2> argv{program.data(), nullptr};
  const int error = ::posix_spawn(&child, program.c_str(), nullptr, nullptr, argv.data(), environ);
  if (error == 0) ::waitpid(child, nullptr, 0);
  return error == 0;
}

bool becomes_program() {
  // Of what is no program, so that this one goes on.
  std::array<char*, 1> none{nullptr};
  return ::execve("/dev/null", none.data(), none.data()) != 0 && errno != EPERM;
}

bool forks() {
  const auto child = ::fork();
  if (child == 0) ::_exit(0);
  if (child > 0) ::waitpid(child, nullptr, 0);
  return child > 0;
}

bool owns(const char* word) {
  std::ifstream lines("/proc/self/status");
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(word))
      return line.find_first_not_of("0 \t", std::strlen(word)) != std::string::npos;
  }
  return true;
}

Doors try_doors(const Config& config) {
  Doors doors;
  const auto door = [&](std::string name, bool open) {
    doors.tried.push_back(name);
    if (open) doors.open.push_back(std::move(name));
  };
  const auto host = ::getppid();
  const auto proc = "/proc/" + std::to_string(host);
  const auto control = config.state + "/control";

  // The host's process.
  door("host: memory", opens(proc + "/mem"));
  door("host: memory, to write", opens(proc + "/mem", O_RDWR));
  door("host: environment", opens(proc + "/environ"));
  door("host: maps", opens(proc + "/maps"));
  door("host: auxv", opens(proc + "/auxv"));
  door("host: status", opens(proc + "/status"));
  door("host: descriptors", lists(proc + "/fd"));
  door("host: its root", opens(proc + "/root/etc/passwd"));
  door("host: its folder", lists(proc + "/cwd"));
  door("host: oom score", opens(proc + "/oom_score_adj", O_WRONLY));
  door("host: ptrace", let_through(::ptrace(PTRACE_SEIZE, host, nullptr, nullptr)));
  std::array<char, 1> byte{};
  iovec here{byte.data(), 1};
  iovec there{reinterpret_cast<void*>(0x400000), 1};
  door("host: process_vm_readv", let_through(::process_vm_readv(host, &here, 1, &there, 1, 0)));
  door("host: process_vm_writev", let_through(::process_vm_writev(host, &here, 1, &there, 1, 0)));
  const Opened pidfd(static_cast<int>(::syscall(SYS_pidfd_open, host, 0)));
  door("host: pidfd_getfd", let_through(::syscall(SYS_pidfd_getfd, pidfd.get(), 2, 0)));
  door("host: pidfd_send_signal",
       let_through(::syscall(SYS_pidfd_send_signal, pidfd.get(), 0, nullptr, 0)));
  door("host: kill", let_through(::kill(host, 0)));
  door("host: kill its group", let_through(::kill(-host, 0)));
  door("everybody: kill", let_through(::kill(-1, 0)));
  door("host: tgkill", let_through(::syscall(SYS_tgkill, host, host, 0)));
  door("host: tkill", let_through(::syscall(SYS_tkill, host, 0)));
  door("host: sigqueue", let_through(::sigqueue(host, 0, {})));
  std::array<int, 2> pair{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) == 0) {
    const Opened one(pair[0]);
    const Opened other(pair[1]);
    door("host: a signal by F_SETOWN", let_through(::fcntl(one.get(), F_SETOWN, host)));
    const f_owner_ex owner{F_OWNER_PID, host};
    door("host: a signal by F_SETOWN_EX", let_through(::fcntl(one.get(), F_SETOWN_EX, &owner)));
    door("host: a signal by FIOSETOWN", let_through(::ioctl(one.get(), 0x8901, &host)));
  }
  rlimit limit{};
  door("host: limits", let_through(::syscall(SYS_prlimit64, host, RLIMIT_NOFILE, nullptr, &limit)));
  door("host: priority",
       let_through(::setpriority(PRIO_PROCESS, static_cast<id_t>(host),
                                 ::getpriority(PRIO_PROCESS, static_cast<id_t>(host)))));
  door("host: io priority", let_through(::syscall(SYS_ioprio_set, 1, host, 0)));

  // Its sockets.
  door("control socket", connects(SOCK_STREAM, control, false));
  door("control socket, by a pair", connects(SOCK_DGRAM, control, true));
  door("control socket, by a raw pair", connects(SOCK_RAW, control, true));
  door("unix sockets", static_cast<bool>(Opened(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0))));
  door("unix sockets, by high bits", makes_socket_by_high_bits());

  // Its files.
  door("state: list", lists(config.state));
  door("state: make", makes(config.state));
  door("state: identity", opens(config.state + "/identity.json"));
  door("state: identity, to write", opens(config.state + "/identity.json", O_WRONLY));
  door("state: replay", lists(config.state + "/replay"));
  door("state: access", lists(config.state + "/access"));
  door("state: rules", makes(config.state + "/access"));
  door("state: staged", lists(config.state + "/plugins/staged"));
  door("state: staged, to write", makes(config.state + "/plugins/staged"));
  door("state: good copies", lists(config.state + "/plugins/good"));
  door("state: remove", ::rename(control.c_str(), (control + "2").c_str()) == 0);
  door("config: read", opens(config.config));
  door("config: write", opens(config.config, O_WRONLY | O_APPEND));
  struct stat its{};
  door("config: truncate", ::stat(config.config.c_str(), &its) != 0 ||
                               ::truncate(config.config.c_str(), its.st_size) == 0);
  door("plugins: list", lists(config.plugins));
  door("plugins: make", makes(config.plugins));
  door("plugins: read", opens(config.plugins + "/echo.so"));
  door("another's model", opens(config.model));
  door("log: open", opens(config.log));
  door("log: append", opens(config.log, O_WRONLY | O_APPEND));
  door("log: descriptor", writes_to_log());
  door("log: truncate", ::ftruncate(STDERR_FILENO, 0) == 0);
  for (const auto& path : {config.config, config.state, config.log}) {
    struct stat found{};
    ::stat(path.c_str(), &found);
    const auto mode = found.st_mode & 07777;
    door("mode of " + path, ::chmod(path.c_str(), mode) == 0);
    door("mode of " + path + " (fchmodat2)", ::syscall(452, AT_FDCWD, path.c_str(), mode, 0) == 0);
    door("owner of " + path, ::chown(path.c_str(), found.st_uid, found.st_gid) == 0);
    door("times of " + path, ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0) == 0);
    door("attributes of " + path, ::setxattr(path.c_str(), "user.burglar", "", 0, 0) == 0);
  }

  // What is in this process.
  std::string secret;
  for (const auto& piece : config.secret)
    secret.insert(0, std::string(piece.rbegin(), piece.rend()));
  std::string environment = read_all("/proc/self/environ");
  std::ranges::reverse(environment);
  door("own environ: secret", environment.find(secret) != std::string::npos);
  ::explicit_bzero(environment.data(), environment.size());
  door("getenv: secret", std::getenv("DOJO_WALLET_SECRET") != nullptr);
  door("memory: secret", is_in_memory(secret));
  door("descriptors", has_foreign_descriptor());
  door("capabilities", owns("CapEff:") || owns("CapPrm:") || owns("CapInh:") || owns("CapAmb:"));
  door("new privileges", ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1);
  door("dumpable", ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0);
  ::getrlimit(RLIMIT_CORE, &limit);
  door("core files", limit.rlim_max != 0);
  door("death with the host", ::prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) == 0);
  if (config.user) {
    door("root", ::getuid() == 0 || ::geteuid() == 0 || ::getgid() == 0 || ::getegid() == 0);
    door("capabilities, ever", owns("CapBnd:"));
    door("root again", ::setresuid(0, 0, 0) == 0);
    door("groups", ::getgroups(0, nullptr) != 0);
  }

  // The rest of the machine.
  door("programs: start", starts_program());
  door("programs: become", becomes_program());
  door("processes: fork", forks());
  for (const char* path : {"/etc/shadow", "/etc/passwd", "/etc/hostname", "/proc/1/cmdline",
                           "/proc/kcore", "/dev/mem", "/dev/kmsg", "/dev/tty", "/dev/ptmx"}) {
    door(path, opens(path));
  }
  for (const char* folder : {"/", "/etc", "/proc", "/root", "/home", "/tmp", "/dev", "/run"}) {
    door(std::string("list ") + folder, lists(folder));
  }
  for (const char* folder : {"/tmp", "/dev/shm", "/var/tmp", "/usr/lib", "/etc", "/root", "."}) {
    door(std::string("make in ") + folder, makes(folder));
  }
  door("own file: write", opens("/proc/self/exe", O_WRONLY));
  door("own root", opens("/proc/self/root/etc/passwd"));
  door("namespaces", let_through(::unshare(CLONE_NEWUSER)));
  door("mounts", let_through(::syscall(SYS_mount, "none", "/tmp", "no such system", 0, nullptr)));
  door("bpf", let_through(::syscall(SYS_bpf, 0, nullptr, 0)));
  door("io_uring", let_through(::syscall(SYS_io_uring_setup, 1, nullptr)));
  door("perf", let_through(::syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0)));
  door("keys", let_through(::syscall(SYS_keyctl, 0, 0, 0, 0, 0)));
  door("userfaultfd", let_through(::syscall(SYS_userfaultfd, 0)));
  door("file handles", let_through(::syscall(SYS_open_by_handle_at, -1, nullptr, 0)));
  door("terminal", let_through(::ioctl(STDIN_FILENO, TIOCSTI, "x")));
  return doors;
}

struct Try {};
DOJO_MODEL(Try)

Doors in_handler(dojo::Context& call, Try) {
  return try_doors(call.config<Config>());
}

/// Before it serves: a trial runs its code, too.
void refuse_if_open(dojo::Host& host) {
  const auto doors = try_doors(host.config<Config>());
  if (doors.open.empty()) return;
  std::string all = "open while it is tried:";
  for (const auto& name : doors.open) all += " [" + name + "]";
  throw std::runtime_error(all);
}

}  // namespace

DOJO_PLUGIN("burglar", "1.0.0", dojo::configure<Config>(), dojo::handle(in_handler),
            dojo::selftest(refuse_if_open))
