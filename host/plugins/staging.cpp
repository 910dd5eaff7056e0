#include "plugins/staging.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "plugins/state_folder.hpp"

namespace dojo::plugins {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlock = std::size_t{1} << 20;  // bytes copied at once
constexpr char kChanging[] = "it changed while it was read";

/// Takes <state>/plugins/lock for as long as the descriptor is open.
Result<net::Descriptor> take_lock(int folder, const fs::path& state_dir) {
  net::Descriptor lock(
      openat(folder, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!lock) return fail(fmt::format("{}/plugins/lock: {}", state_dir.string(), why()));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      return fail(fmt::format("{}/plugins/lock: {}", state_dir.string(), why()));
    }
    std::array<char, 16> holder{};
    const auto length = pread(lock.get(), holder.data(), holder.size(), 0);
    std::string pid(holder.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
    std::erase_if(pid, [](char c) { return c < '0' || c > '9'; });
    return fail(
        fmt::format("another dojo-host (pid {}) uses this state folder, {}: give each host a "
                    "state_dir of its own",
                    pid.empty() ? "unknown" : pid, state_dir.string()));
  }
  const auto own = std::to_string(getpid()) + "\n";
  const bool told = ftruncate(lock.get(), 0) == 0 && pwrite(lock.get(), own.data(), own.size(),
                                                            0) == static_cast<ssize_t>(own.size());
  (void)told;  // the lock holds all the same; a full disk costs the number alone
  return lock;
}

Status check_executable(int directory, const fs::path& folder) {
  struct statvfs found{};
  if (fstatvfs(directory, &found) != 0) return fail(fmt::format("{}: {}", folder.string(), why()));
  if ((found.f_flag & ST_NOEXEC) == 0) return {};
  return fail(
      fmt::format("{} is mounted noexec: plugins cannot be loaded from there; set state_dir to a "
                  "folder on another file system",
                  folder.string()));
}

bool same(const struct stat& a, const struct stat& b) {
  const auto equal = [](const timespec& x, const timespec& y) {
    return x.tv_sec == y.tv_sec && x.tv_nsec == y.tv_nsec;
  };
  return a.st_size == b.st_size && equal(a.st_mtim, b.st_mtim) && equal(a.st_ctim, b.st_ctim);
}

/// A file that goes unless it is kept.
class Part {
 public:
  Part(int folder, std::string name)
      : folder_(folder),
        name_(std::move(name)),
        fd_(openat(folder, name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                   S_IRUSR | S_IWUSR)) {}
  ~Part() {
    if (fd_) unlinkat(folder_, name_.c_str(), 0);
  }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

  [[nodiscard]] int get() const { return fd_.get(); }
  Status keep_as(const std::string& name) {
    if (fchmod(fd_.get(), S_IRUSR) != 0 ||
        renameat(folder_, name_.c_str(), folder_, name.c_str()) != 0) {
      return fail(why());
    }
    fd_.reset();
    return {};
  }

 private:
  int folder_;
  std::string name_;
  net::Descriptor fd_;
};

/// Copies to the end of the file, however long it says it is. @return the hash of what was written
Result<std::string> copy(int from, const Part& to, std::uint64_t size, std::uint64_t largest) {
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  std::vector<char> block(std::min<std::uint64_t>(kBlock, size + 1));
  std::uint64_t total = 0;
  for (;;) {
    const auto got = read(from, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail("it cannot be read: " + why());
    if (got == 0) break;
    total += static_cast<std::uint64_t>(got);
    if (total > largest) return fail(fmt::format("it is larger than {} bytes", largest));
    if (auto status = write_all(to.get(), {block.data(), static_cast<std::size_t>(got)}); !status) {
      return fail("it cannot be copied: " + status.error().message);
    }
    crypto_hash_sha256_update(&state, reinterpret_cast<const unsigned char*>(block.data()),
                              static_cast<unsigned long long>(got));
  }
  if (total != size) return fail(kChanging);
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
  crypto_hash_sha256_final(&state, hash.data());
  std::string hex(hash.size() * 2 + 1, '\0');
  sodium_bin2hex(hex.data(), hex.size(), hash.data(), hash.size());
  hex.pop_back();
  return hex;
}

}  // namespace

Staged::~Staged() {
  remove();
}

Staged::Staged(Staged&& other) noexcept
    : file_(std::exchange(other.file_, {})), sha256_(std::move(other.sha256_)) {}

Staged& Staged::operator=(Staged&& other) noexcept {
  if (this != &other) {
    remove();
    file_ = std::exchange(other.file_, {});
    sha256_ = std::move(other.sha256_);
  }
  return *this;
}

void Staged::remove() noexcept {
  if (!file_.empty()) unlink(file_.c_str());
}

Staging::Staging(fs::path folder, net::Descriptor lock, net::Descriptor directory,
                 std::uint64_t largest)
    : folder_(std::move(folder)),
      lock_(std::move(lock)),
      directory_(std::move(directory)),
      largest_(largest) {}

Result<Staging> Staging::open(const fs::path& state_dir, std::uint64_t largest) {
  const auto above = open_private_folder(state_dir / "plugins");
  if (!above) return Unexpected(above.error());
  auto lock = take_lock(above->get(), state_dir);
  if (!lock) return Unexpected(lock.error());
  auto folder = state_dir / "plugins" / "staged";
  auto directory = open_private_folder(folder);
  if (!directory) return Unexpected(directory.error());
  if (auto status = check_executable(directory->get(), folder); !status) {
    return Unexpected(status.error());
  }
  const auto cleared = each_entry(directory->get(), [&](const std::string& name) {
    unlinkat(directory->get(), name.c_str(), 0);
  });
  if (!cleared) return fail(fmt::format("{}: {}", folder.string(), cleared.error().message));
  return Staging(std::move(folder), std::move(*lock), std::move(*directory), largest);
}

Result<Staged> Staging::stage(const fs::path& source, std::uint64_t generation) const {
  // Not blocking: a FIFO would wait for its writer.
  const net::Descriptor from(::open(source.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat before{};
  if (!from || fstat(from.get(), &before) != 0) return fail("it cannot be read: " + why());
  if (!S_ISREG(before.st_mode)) return fail("it is no regular file");
  const auto size = static_cast<std::uint64_t>(before.st_size);
  if (size > largest_) return fail(fmt::format("it is larger than {} bytes", largest_));

  Part part(directory_.get(), fmt::format(".{}.part", generation));
  if (part.get() < 0) return fail(fmt::format("{} cannot be written: {}", folder_.string(), why()));
  const auto hash = copy(from.get(), part, size, largest_);
  if (!hash) return Unexpected(hash.error());
  struct stat after{};
  if (fstat(from.get(), &after) != 0 || !same(before, after)) return fail(kChanging);
  const auto name = fmt::format("{}-{}.so", *hash, generation);
  if (auto kept = part.keep_as(name); !kept) {
    return fail(fmt::format("{} cannot be written: {}", folder_.string(), kept.error().message));
  }
  return Staged{folder_ / name, *hash};
}

bool Staging::is_changing(const Error& error) {
  return error.message == kChanging;
}

}  // namespace dojo::plugins
