#include "worker/landlock.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace dojo::worker {
namespace {

// What Debian 12's <linux/landlock.h>, of Linux 6.1, does not have yet.
constexpr std::uint64_t kTruncate = 1ULL << 14;  // LANDLOCK_ACCESS_FS_TRUNCATE, ABI 3
constexpr std::uint64_t kIoctl = 1ULL << 15;     // LANDLOCK_ACCESS_FS_IOCTL_DEV, ABI 5
constexpr std::uint64_t kScopeAbstractSocket = 1ULL << 0;
constexpr std::uint64_t kScopeSignal = 1ULL << 1;  // ABI 6, both
constexpr int kAbiTruncate = 3;
constexpr int kAbiIoctl = 5;
constexpr int kAbiScope = 6;

/// landlock_ruleset_attr as it is since ABI 6; an older kernel takes it if what it does not know is
/// 0.
struct Attributes {
  std::uint64_t handled_access_fs;
  std::uint64_t handled_access_net;
  std::uint64_t scoped;
};

// Execute means execve(): code is mapped by who may read it.
constexpr std::uint64_t kOfAbi1 =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |
    LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
    LANDLOCK_ACCESS_FS_MAKE_SYM;
constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kWrite =
    kRead | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
    LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER | kTruncate | kIoctl;
// What a file can have; of a rule for one, more is an error.
constexpr std::uint64_t kOfFiles =
    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | kTruncate | kIoctl;

std::uint64_t handled_by(int abi) {
  auto handled = kOfAbi1;
  if (abi >= 2) handled |= LANDLOCK_ACCESS_FS_REFER;
  if (abi >= kAbiTruncate) handled |= kTruncate;
  if (abi >= kAbiIoctl) handled |= kIoctl;
  return handled;
}

}  // namespace

Result<Landlock> Landlock::make(int abi) {
  const Attributes attributes{handled_by(abi), 0,
                              abi >= kAbiScope ? kScopeAbstractSocket | kScopeSignal : 0};
  base::Descriptor rules(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0U)));
  if (!rules) return fail(fmt::format("Landlock: {}", std::strerror(errno)));
  return Landlock(std::move(rules), attributes.handled_access_fs);
}

Result<base::Descriptor> Landlock::allow(const std::filesystem::path& path, Access access) {
  base::Descriptor opened(::open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat found{};
  if (!opened || ::fstat(opened.get(), &found) != 0) {
    return fail(fmt::format("{}: {}", path.string(), std::strerror(errno)));
  }
  landlock_path_beneath_attr rule{};
  rule.parent_fd = opened.get();
  rule.allowed_access = handled_ & (access == Access::write ? kWrite : kRead);
  if (!S_ISDIR(found.st_mode)) rule.allowed_access &= kOfFiles;
  if (::syscall(SYS_landlock_add_rule, rules_.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0U) != 0) {
    return fail(fmt::format("{}: Landlock: {}", path.string(), std::strerror(errno)));
  }
  return opened;
}

Status Landlock::enforce() const {
  if (::syscall(SYS_landlock_restrict_self, rules_.get(), 0U) == 0) return {};
  return fail(fmt::format("Landlock: {}", std::strerror(errno)));
}

}  // namespace dojo::worker
