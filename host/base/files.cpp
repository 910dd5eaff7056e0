#include "base/files.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <system_error>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dojo::base {
namespace {

Status check_private(int fd, const std::filesystem::path& folder) {
  struct stat found{};
  if (fstat(fd, &found) != 0) return fail(fmt::format("{}: {}", folder.string(), why()));
  if (found.st_uid != geteuid()) {
    return fail(fmt::format(
        "{} belongs to user {}, and this is user {}: set state_dir to a folder of its own",
        folder.string(), found.st_uid, geteuid()));
  }
  if ((found.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return fail(fmt::format("{} is open to others (mode {:04o}): chmod 700 {}", folder.string(),
                            found.st_mode & 07777u, folder.string()));
  }
  return {};
}

}  // namespace

std::string why() {
  return std::strerror(errno);
}

Status write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) return fail(why());
    if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

namespace {

/// A link in the folder's place is followed if it was made by this user or by root, as systemd does
/// for a DynamicUser: nobody else has chosen what it leads to.
Descriptor open_folder(const std::filesystem::path& folder) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  Descriptor opened(open(folder.c_str(), kFlags | O_NOFOLLOW));
  if (opened || (errno != ELOOP && errno != ENOTDIR)) return opened;
  const int error = errno;
  struct stat link{};
  const bool trusted = lstat(folder.c_str(), &link) == 0 && S_ISLNK(link.st_mode) &&
                       (link.st_uid == geteuid() || link.st_uid == 0);
  if (trusted) return Descriptor(open(folder.c_str(), kFlags));
  errno = error;
  return opened;
}

}  // namespace

Result<Descriptor> open_private_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder.parent_path(), error);
  if (mkdir(folder.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    return fail(fmt::format("{} cannot be made: {}", folder.string(), why()));
  }
  auto opened = open_folder(folder);
  if (!opened) return fail(fmt::format("{} cannot be opened: {}", folder.string(), why()));
  if (auto status = check_private(opened.get(), folder); !status) {
    return Unexpected(status.error());
  }
  return opened;
}

Status write_atomically(int folder, const std::string& name, std::string_view text) {
  const auto temporary = "." + name + ".part";
  unlinkat(folder, temporary.c_str(), 0);
  const Descriptor file(openat(folder, temporary.c_str(),
                               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                               S_IRUSR | S_IWUSR));
  if (!file) return fail(fmt::format("{} cannot be written: {}", name, why()));
  auto status = write_all(file.get(), text);
  if (status && fsync(file.get()) != 0) status = fail(why());
  if (status && renameat(folder, temporary.c_str(), folder, name.c_str()) != 0) {
    status = fail(why());
  }
  if (!status) {
    unlinkat(folder, temporary.c_str(), 0);
    return fail(fmt::format("{} cannot be written: {}", name, status.error().message));
  }
  fsync(folder);
  return {};
}

Result<std::string> read_small(int folder, const std::string& name, std::size_t longest) {
  const Descriptor file(
      openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat found{};
  if (!file || fstat(file.get(), &found) != 0) return fail(fmt::format("{}: {}", name, why()));
  if (!S_ISREG(found.st_mode)) return fail(fmt::format("{} is no regular file", name));
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    const auto got = read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(fmt::format("{}: {}", name, why()));
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
    if (text.size() > longest) return fail(fmt::format("{} is too long", name));
  }
}

Result<Descriptor> take_lock(int folder, const std::string& name) {
  Descriptor file(
      openat(folder, name.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file) return fail("cannot be opened: " + why());
  if (flock(file.get(), LOCK_EX | LOCK_NB) == 0) return file;
  if (errno != EWOULDBLOCK) return fail("cannot be locked: " + why());
  return Descriptor();
}

Status each_entry(int folder, const std::function<void(const std::string&)>& visit) {
  // Opened anew, since a DIR owns its descriptor and moves its offset.
  Descriptor again(openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct Close {
    void operator()(DIR* listing) const { closedir(listing); }
  };
  const std::unique_ptr<DIR, Close> listing(again ? fdopendir(again.get()) : nullptr);
  if (!listing) return fail(why());
  (void)again.release();
  while (const dirent* entry = readdir(listing.get())) {
    const std::string name(&entry->d_name[0]);
    if (name != "." && name != "..") visit(name);
  }
  return {};
}

}  // namespace dojo::base
