#include "plugins/deploy/staging.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/files.hpp"
#include "process/trust.hpp"
#include "wire/hex.hpp"

namespace dojo::plugins {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlock = std::size_t{1} << 20;  // bytes copied at once
// In a folder that is closed to others; a worker of another user's has it by descriptor.
constexpr mode_t kMode = S_IRUSR | S_IRGRP | S_IROTH;
constexpr char kChanging[] = "it changed while it was read";

/// Takes <state>/plugins/lock for as long as the descriptor is open.
Result<base::Descriptor> take_lock(int folder, const fs::path& state_dir) {
  auto lock = base::take_lock(folder, "lock");
  if (!lock)
    return fail(fmt::format("{}/plugins/lock {}", state_dir.string(), lock.error().message));
  if (!*lock) {
    const auto holder = base::read_small(folder, "lock", 16);
    std::string pid = holder ? *holder : "";
    std::erase_if(pid, [](char c) { return c < '0' || c > '9'; });
    return fail(
        fmt::format("another dojo-host (pid {}) uses this state folder, {}: give each host a "
                    "state_dir of its own",
                    pid.empty() ? "unknown" : pid, state_dir.string()));
  }
  const auto own = std::to_string(getpid()) + "\n";
  const bool told = ftruncate(lock->get(), 0) == 0 && pwrite(lock->get(), own.data(), own.size(),
                                                             0) == static_cast<ssize_t>(own.size());
  (void)told;  // the lock holds all the same; a full disk costs the number alone
  return lock;
}

Status check_executable(int directory, const fs::path& folder) {
  struct statvfs found{};
  if (fstatvfs(directory, &found) != 0)
    return fail(fmt::format("{}: {}", folder.string(), base::why()));
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

/// What goes again unless it is kept: a file, or a folder and all in it.
class Passing {
 public:
  explicit Passing(fs::path path) : path_(std::move(path)) {}
  ~Passing() {
    std::error_code error;
    if (!path_.empty()) fs::remove_all(path_, error);
  }
  Passing(const Passing&) = delete;
  Passing& operator=(const Passing&) = delete;
  Passing(Passing&&) = delete;
  Passing& operator=(Passing&&) = delete;
  void keep() { path_.clear(); }

 private:
  fs::path path_;
};

std::string sha256_of(std::string_view text) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size());
  return wire::encode_hex(hash);
}

/// Copies to the end of the file, however long it says it is. @return the hash of what was written
Result<std::string> copy(int from, int to, std::uint64_t size, std::uint64_t largest) {
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  std::vector<char> block(std::min<std::uint64_t>(kBlock, size + 1));
  std::uint64_t total = 0;
  for (;;) {
    const auto got = read(from, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail("it cannot be read: " + base::why());
    if (got == 0) break;
    total += static_cast<std::uint64_t>(got);
    if (total > largest) return fail(fmt::format("it is larger than {} bytes", largest));
    if (auto status = base::write_all(to, {block.data(), static_cast<std::size_t>(got)}); !status) {
      return fail("it cannot be copied: " + status.error().message);
    }
    crypto_hash_sha256_update(&state, reinterpret_cast<const unsigned char*>(block.data()),
                              static_cast<unsigned long long>(got));
  }
  if (total != size) return fail(kChanging);
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
  crypto_hash_sha256_final(&state, hash.data());
  return wire::encode_hex(hash);
}

/// Whether the loader, that is given a copy, would look elsewhere than beside the original.
bool looks_beside(const ElfNames& names, const Origins& origins) {
  const auto beside = [&](const std::optional<std::string>& path) {
    return path && leads_beside(*path, origins);
  };
  return beside(names.rpath) || beside(names.runpath);
}

ElfNames names_of(const fs::path& file) {
  const base::Descriptor in(open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  auto names = in ? read_elf_names(in.get()) : Result<ElfNames>(ElfNames());
  return names ? std::move(*names) : ElfNames();  // it is for the trial to say what is wrong
}

constexpr char kOriginals[] = "original";  // in the folder of libraries: all as it was
constexpr char kOriginalPlugin[] = "plugin.so";
constexpr char kOriginalLibraries[] = "libraries";

/// Under which name a library is loaded.
std::string loaded_as(const std::vector<BroughtLibrary>& brought, std::size_t which) {
  return fmt::format("{}-{}", which, brought[which].file.filename().string());
}

Status rename_names(const fs::path& file, ElfRenaming renaming, const Origins& origins) {
  const base::Descriptor opened(open(file.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  if (!opened) return fail("it cannot be copied: " + base::why());
  const auto names = read_elf_names(opened.get());
  if (!names) return Unexpected(names.error());
  if (names->rpath) renaming.rpath = anchored(*names->rpath, origins);
  if (names->runpath) renaming.runpath = anchored(*names->runpath, origins);
  if (!names->soname) renaming.soname.reset();
  auto status = rename_in_elf(opened.get(), renaming);
  if (status && fchmod(opened.get(), kMode) != 0) status = fail(base::why());
  return status;
}

/// Gives a plugin and the libraries that it brings names of one generation alone: the loader would
/// take a library that it has already for one of the same name.
/// @param work where the libraries are @param folder where they will be
Status rename_all(const fs::path& plugin, const Origins& origins,
                  const std::vector<BroughtLibrary>& brought, const fs::path& work,
                  const fs::path& folder) {
  ElfRenaming renaming;
  for (std::size_t i = 0; i < brought.size(); ++i) {
    renaming.needed[brought[i].name] = folder / loaded_as(brought, i);
  }
  for (std::size_t i = 0; i < brought.size(); ++i) {
    auto its = renaming;
    its.soname = renaming.needed[brought[i].name];
    if (auto status =
            rename_names(work / loaded_as(brought, i), std::move(its), brought[i].origins);
        !status) {
      return fail(fmt::format("its library {}: {}", brought[i].name, status.error().message));
    }
  }
  return rename_names(plugin, std::move(renaming), origins);
}

}  // namespace

fs::path libraries_of(const fs::path& staged) {
  return staged.native() + ".libs";
}

Staged::~Staged() {
  remove();
}

Staged::Staged(Staged&& other) noexcept
    : source_(std::move(other.source_)),
      file_(std::exchange(other.file_, {})),
      sha256_(std::move(other.sha256_)) {}

Staged& Staged::operator=(Staged&& other) noexcept {
  if (this != &other) {
    remove();
    source_ = std::move(other.source_);
    file_ = std::exchange(other.file_, {});
    sha256_ = std::move(other.sha256_);
  }
  return *this;
}

void Staged::remove() noexcept {
  if (file_.empty()) return;
  unlink(file_.c_str());
  std::error_code error;
  fs::remove_all(libraries_of(file_), error);
}

Staging::Staging(fs::path folder, base::Descriptor lock, base::Descriptor directory,
                 std::uint64_t largest)
    : folder_(std::move(folder)),
      lock_(std::move(lock)),
      directory_(std::move(directory)),
      largest_(largest) {}

Result<Staging> Staging::open(const fs::path& state_dir, std::uint64_t largest) {
  const auto above = base::open_private_folder(state_dir / "plugins");
  if (!above) return Unexpected(above.error());
  auto lock = take_lock(above->get(), state_dir);
  if (!lock) return Unexpected(lock.error());
  auto folder = state_dir / "plugins" / "staged";
  std::error_code none;
  if (fs::is_symlink(folder, none)) {  // whatever it leads to would be emptied
    return fail(fmt::format("{} cannot be opened: it is a link", folder.string()));
  }
  auto directory = base::open_private_folder(folder);
  if (!directory) return Unexpected(directory.error());
  if (auto status = check_executable(directory->get(), folder); !status) {
    return Unexpected(status.error());
  }
  const auto cleared = base::each_entry(directory->get(), [&](const std::string& name) {
    std::error_code error;
    fs::remove_all(folder / name, error);
  });
  if (!cleared) return fail(fmt::format("{}: {}", folder.string(), cleared.error().message));
  return Staging(std::move(folder), std::move(*lock), std::move(*directory), largest);
}

/// @param to mode 0600 @return the hash
Result<std::string> Staging::copy_file(const fs::path& source, const fs::path& to) const {
  // Not blocking: a FIFO would wait for its writer.
  const base::Descriptor from(::open(source.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat before{};
  if (!from || fstat(from.get(), &before) != 0) return fail("it cannot be read: " + base::why());
  if (!S_ISREG(before.st_mode)) return fail("it is no regular file");
  if (const auto fault = process::who_else_writes_file(before, source); !fault.empty()) {
    return fail(fault);
  }
  const auto size = static_cast<std::uint64_t>(before.st_size);
  if (size > largest_) return fail(fmt::format("it is larger than {} bytes", largest_));
  const base::Descriptor part(
      ::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!part) return fail(fmt::format("{} cannot be written: {}", folder_.string(), base::why()));
  auto hash = copy(from.get(), part.get(), size, largest_);
  struct stat after{};
  if (hash && (fstat(from.get(), &after) != 0 || !same(before, after))) return fail(kChanging);
  return hash;
}

/// Each twice: one to be loaded, under a changed name, and one as it was, to be kept.
/// @param hashes of what they belong to @return the hash of all
Result<std::string> Staging::copy_libraries(const std::vector<BroughtLibrary>& brought,
                                            const fs::path& folder, std::string hashes) const {
  for (std::size_t i = 0; i < brought.size(); ++i) {
    const auto original = folder / kOriginals / kOriginalLibraries / kept_as(brought[i].name);
    auto hash = copy_file(brought[i].file, original);
    if (hash) {
      hashes += fmt::format("\n{} {}", *hash, brought[i].name);
      hash = copy_file(original, folder / loaded_as(brought, i));
    }
    if (hash) continue;
    if (is_changing(hash.error())) return hash;
    return fail(fmt::format("its library {}: {}", brought[i].file.string(), hash.error().message));
  }
  return sha256_of(hashes);
}

Result<Staged> Staging::stage(const Bundle& source, std::uint64_t generation) const {
  const auto plugin = folder_ / fmt::format(".{}.part", generation);
  const auto libraries = libraries_of(plugin);
  Passing copied(plugin);
  Passing gathered(libraries);
  auto hash = copy_file(source.file, plugin);
  if (!hash) return Unexpected(hash.error());

  const auto names = names_of(plugin);
  const auto origins = source.origins.empty() ? origins_of(source.file) : source.origins;
  const auto brought = find_brought(names, origins, source.libraries);
  const bool alone = brought.empty() && !looks_beside(names, origins);
  std::error_code error;
  if (!alone) {
    fs::create_directories(libraries / kOriginals / kOriginalLibraries, error);
    if (error)
      return fail(fmt::format("{} cannot be written: {}", folder_.string(), error.message()));
    auto original = copy_file(plugin, libraries / kOriginals / kOriginalPlugin);
    if (!original) return Unexpected(original.error());
  }
  if (!brought.empty()) hash = copy_libraries(brought, libraries, *hash);
  if (!hash) return Unexpected(hash.error());

  const auto file = folder_ / fmt::format("{}-{}.so", *hash, generation);
  if (!alone) {
    const auto folder = fs::absolute(libraries_of(file), error);
    if (auto status = rename_all(plugin, origins, brought, libraries, folder); !status) {
      return Unexpected(status.error());
    }
    fs::rename(libraries, folder, error);
  }
  if (error || chmod(plugin.c_str(), kMode) != 0 || rename(plugin.c_str(), file.c_str()) != 0) {
    return fail(fmt::format("{} cannot be written: {}", folder_.string(), base::why()));
  }
  copied.keep();
  gathered.keep();
  if (alone) return Staged({file, {}, origins}, file, *hash);
  const auto kept = libraries_of(file) / kOriginals;
  return Staged({kept / kOriginalPlugin, kept / kOriginalLibraries, origins}, file, *hash);
}

bool Staging::is_changing(const Error& error) {
  return error.message == kChanging;
}

}  // namespace dojo::plugins
