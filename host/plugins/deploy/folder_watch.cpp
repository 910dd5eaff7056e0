#include "plugins/deploy/folder_watch.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dojo::plugins {
namespace {

namespace fs = std::filesystem;

// A storm of events makes no storm of looks.
constexpr std::chrono::milliseconds kBetweenLooks{20};

constexpr std::uint32_t kEvents = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_CLOSE_WRITE |
                                  IN_MODIFY | IN_ATTRIB | IN_DELETE | IN_DELETE_SELF |
                                  IN_MOVE_SELF | IN_ONLYDIR;

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

FolderWatch::FolderWatch(fs::path folder) : FolderWatch(std::move(folder), Options()) {}

FolderWatch::FolderWatch(fs::path folder, Options options)
    : folder_(std::move(folder)), options_(options), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_) throw std::system_error(errno, std::generic_category(), "eventfd");
}

std::vector<fs::path> FolderWatch::wait(Clock::time_point until) {
  for (;;) {
    if (Clock::now() >= next_look()) look(Clock::now());
    auto ready = settled();
    if (!ready.empty()) return ready;
    if (Clock::now() >= until || !hear(std::min(until, next_look()))) return {};
  }
}

std::vector<fs::path> FolderWatch::take_present() {
  look(Clock::now());
  std::vector<fs::path> taken;
  for (auto& [path, file] : files_) {
    file.returned = file.now;
    taken.push_back(path);
  }
  return taken;
}

void FolderWatch::wake() {
  const std::uint64_t one = 1;
  (void)!write(wake_.get(), &one, sizeof one);
}

std::vector<fs::path> FolderWatch::present() const {
  std::vector<fs::path> files;
  for (const auto& [file, identity] : list(folder_)) files.push_back(file);
  return files;
}

std::vector<std::string> FolderWatch::take_notes() {
  return std::exchange(notes_, {});
}

std::optional<FolderWatch::Identity> FolderWatch::identify(const fs::path& file) {
  struct stat found{};
  if (stat(file.c_str(), &found) != 0) return std::nullopt;
  if (!S_ISREG(found.st_mode) && !S_ISDIR(found.st_mode)) return std::nullopt;
  if (S_ISDIR(found.st_mode)) return Identity{found.st_dev, found.st_ino, 0, 0, 0};
  return Identity{found.st_dev, found.st_ino, static_cast<std::uint64_t>(found.st_size),
                  nanoseconds(found.st_mtim), nanoseconds(found.st_ctim)};
}

FolderWatch::Files FolderWatch::list(const fs::path& folder) {
  Files files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const auto& file = entry->path();
    if (file.extension() != ".so" || file.filename().native().starts_with('.')) continue;
    std::error_code unknown;
    if (!fs::is_regular_file(file, unknown)) continue;  // through links
    if (const auto identity = identify(file)) files.emplace(file, *identity);
  }
  return files;
}

/// Sees to it that the kernel tells about the folder that is there now.
void FolderWatch::keep_watching() {
  const auto now = identify(folder_);
  if (!now) {
    note_once(missing_noted_, fmt::format("the plugins folder {} is missing: it is looked for "
                                          "every {} ms",
                                          folder_.string(), options_.rescan.count()));
  } else {
    missing_noted_ = false;
  }
  if (now == watched_ && (!now || watch_ >= 0)) return;
  if (watch_ >= 0) inotify_rm_watch(inotify_.get(), std::exchange(watch_, -1));
  watched_ = now;
  if (now && options_.inotify) follow();
}

void FolderWatch::follow() {
  int reason = 0;
  if (!inotify_) {
    const int made = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (made < 0) reason = errno;
    inotify_ = base::Descriptor(made);
  }
  if (inotify_) {
    watch_ = inotify_add_watch(inotify_.get(), folder_.c_str(), kEvents);
    if (watch_ < 0) reason = errno;
  }
  if (watch_ >= 0 || reason == ENOENT) return;
  note_once(deaf_noted_,
            fmt::format("the kernel does not tell what happens in {} ({}): it is looked at every "
                        "{} ms. See fs.inotify.max_user_watches and max_user_instances",
                        folder_.string(), std::strerror(reason), options_.rescan.count()));
}

void FolderWatch::look(Clock::time_point now) {
  keep_watching();  // first, so that nothing happens between the look and the watch
  asked_ = false;
  looked_ = now;
  const auto found = list(folder_);
  std::erase_if(files_, [&](const auto& row) { return !found.contains(row.first); });
  for (const auto& [file, identity] : found) {
    const auto [known, fresh] = files_.try_emplace(file, File{identity, now, std::nullopt});
    if (!fresh && known->second.now != identity) {
      known->second.now = identity;
      known->second.since = now;
    }
  }
}

/// What may be returned: it has not changed for a while, by the look that was just taken.
std::vector<fs::path> FolderWatch::settled() {
  std::vector<fs::path> ready;
  for (auto& [path, file] : files_) {
    if (!file.pending() || !looked_ || *looked_ - file.since < options_.debounce) continue;
    file.returned = file.now;
    ready.push_back(path);
  }
  return ready;
}

FolderWatch::Clock::time_point FolderWatch::next_look() const {
  if (!looked_) return Clock::time_point::min();
  auto next = *looked_ + options_.rescan;
  for (const auto& [path, file] : files_) {
    if (file.pending()) next = std::min(next, file.since + options_.debounce);
  }
  if (asked_) next = std::min(next, *looked_);
  return std::max(next, *looked_ + kBetweenLooks);
}

/// @return false: wake() was called
bool FolderWatch::hear(Clock::time_point until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  // With a look to come there is nothing more to hear.
  std::array<pollfd, 2> watched{pollfd{wake_.get(), POLLIN, 0},
                                pollfd{asked_ ? -1 : inotify_.get(), POLLIN, 0}};
  poll(watched.data(), watched.size(), static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000)));
  if (watched[1].revents != 0) asked_ = read_events();
  if (watched[0].revents == 0) return true;
  std::uint64_t count = 0;
  (void)!read(wake_.get(), &count, sizeof count);
  return false;
}

/// What the events say does not matter, but for the folder's own end: then its watch is gone too.
bool FolderWatch::read_events() {
  alignas(inotify_event) std::array<char, 16384> buffer{};
  bool any = false;
  for (;;) {
    const auto got = read(inotify_.get(), buffer.data(), buffer.size());
    if (got <= 0) return any;
    any = true;
    for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(got);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      at += sizeof event + event.len;
      const bool gone = (event.mask & (IN_IGNORED | IN_UNMOUNT)) != 0;
      if (gone && event.wd == watch_) watch_ = -1;
    }
  }
}

void FolderWatch::note_once(bool& noted, std::string text) {
  if (!std::exchange(noted, true)) notes_.push_back(std::move(text));
}

}  // namespace dojo::plugins
