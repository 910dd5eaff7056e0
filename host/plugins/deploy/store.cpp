#include "plugins/deploy/store.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <tuple>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <dojo/model.hpp>
#include <dojo/names.hpp>

#include "base/files.hpp"
#include "plugins/abi/elf.hpp"
#include "plugins/deploy/probe_line.hpp"
#include "text/terminal.hpp"

namespace dojo::plugins {

/// The files' contents. Times are milliseconds since 1970.
struct QuarantinedJson {
  std::string sha256;
  std::string plugin;
  std::string file;
  std::string reason;
  std::int64_t since = 0;
  std::string settings;
};
DOJO_MODEL(QuarantinedJson, sha256, plugin, file, reason, since, DOJO_DEFAULT(settings))

struct GoodJson {
  std::string sha256;
  std::string version;
  std::int64_t since = 0;
};
DOJO_MODEL(GoodJson, sha256, version, since)

struct StartingJson {
  std::string sha256;
  std::string plugin;
  std::string file;
  std::string boot;
};
DOJO_MODEL(StartingJson, sha256, plugin, file, boot)

namespace {

namespace fs = std::filesystem;
using std::chrono::system_clock;

constexpr std::size_t kLongestFile = std::size_t{64} << 10;
constexpr std::size_t kLongestText = 8192;
constexpr std::size_t kMostGood = 2;
constexpr char kStarting[] = "starting.json";
constexpr char kEnded[] = "it ended the host while it was being started";

system_clock::time_point from_ms(std::int64_t ms) {
  return system_clock::time_point(std::chrono::milliseconds(ms));
}
std::int64_t to_ms(system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

bool is_hash(std::string_view text) {
  return text.size() == 64 && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

Status check_hash(const std::string& sha256) {
  return is_hash(sha256) ? Status() : fail("it is no SHA-256: 64 digits of 0-9 and a-f");
}

/// Of the machine's run: what was being started when the power failed is not to blame.
std::string boot_id() {
  std::ifstream in("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(in, id);
  return id;
}

template <class Json>
Status write_json(int folder, const std::string& name, const Json& json) {
  auto text = to_json(json);
  if (!text) return Unexpected(text.error());
  return base::write_atomically(folder, name, *text + "\n");
}

/// The files of a folder that are what they should be; a warning for each that is not.
template <class Json>
std::vector<Json> read_all(int folder, const std::string& shown,
                           std::vector<std::string>& warnings) {
  std::vector<Json> found;
  const auto listed = base::each_entry(folder, [&](const std::string& name) {
    if (!name.ends_with(".json")) return;
    const auto text = base::read_small(folder, name, kLongestFile);
    auto json = text ? from_json<Json>(*text) : Result<Json>(Unexpected(text.error()));
    if (json && is_hash(json->sha256) && name == json->sha256 + ".json") {
      found.push_back(std::move(*json));
      return;
    }
    warnings.push_back(fmt::format("{}/{} is not used: {}", shown, text::printable(name, 100),
                                   json ? "it is of another hash" : json.error().message));
  });
  if (!listed) warnings.push_back(fmt::format("{}: {}", shown, listed.error().message));
  return found;
}

Status remove_file(int folder, const std::string& name) {
  if (unlinkat(folder, name.c_str(), 0) == 0 || errno == ENOENT) return {};
  return fail(fmt::format("{} cannot be removed: {}", name, base::why()));
}

/// Where one file system has no links to the other's files.
Status copy_file(const fs::path& from, int folder, const std::string& name) {
  const base::Descriptor in(open(from.c_str(), O_RDONLY | O_CLOEXEC));
  const base::Descriptor out(
      openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR));
  if (!in || !out) return fail(base::why());
  std::vector<char> block(std::size_t{1} << 20);
  for (;;) {
    // NOLINTNEXTLINE(clang-analyzer-unix.BlockInCriticalSection) a regular file's
    const auto got = read(in.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(base::why());
    if (got == 0) return fsync(out.get()) == 0 ? Status() : fail(base::why());
    if (auto status = base::write_all(out.get(), {block.data(), static_cast<std::size_t>(got)});
        !status) {
      return status;
    }
  }
}

/// A file as a second name of another, or as a copy. Whole or not at all.
Status link_or_copy(const fs::path& from, int folder, const std::string& name) {
  const auto part = "." + name + ".part";
  unlinkat(folder, part.c_str(), 0);
  Status status;
  if (linkat(AT_FDCWD, from.c_str(), folder, part.c_str(), 0) == 0) {
    const base::Descriptor linked(openat(folder, part.c_str(), O_RDONLY | O_CLOEXEC));
    if (!linked || fsync(linked.get()) != 0) status = fail(base::why());
  } else {
    status = copy_file(from, folder, part);
  }
  if (status && renameat(folder, part.c_str(), folder, name.c_str()) != 0)
    status = fail(base::why());
  unlinkat(folder, part.c_str(), 0);  // also what rename() leaves of two names of one file
  fsync(folder);
  return status;
}

constexpr char kLibraries[] = ".libs";  // behind a good copy's hash

/// Whole or not at all, as far as names go: the copy that needs them comes after them.
Status keep_libraries(const fs::path& from, const fs::path& to) {
  std::error_code error;
  if (from.empty() || fs::is_empty(from, error)) return {};
  fs::remove_all(to, error);  // of an attempt that was cut off
  const auto folder = base::open_private_folder(to);
  if (!folder) return Unexpected(folder.error());
  for (fs::directory_iterator entry(from, error), end; !error && entry != end;
       entry.increment(error)) {
    auto status = link_or_copy(entry->path(), folder->get(), entry->path().filename());
    if (!status) return status;
  }
  return error ? Status(fail(error.message())) : Status();
}

}  // namespace

Store::Store(Folders folders) : folders_(std::move(folders)) {}

Result<Store> Store::open(const fs::path& state_dir, std::vector<std::string>& remarks) {
  Folders folders;
  folders.path = state_dir / "plugins";
  for (const auto& [folder, path] : {std::pair{&folders.own, folders.path},
                                     std::pair{&folders.quarantine, folders.path / "quarantine"}}) {
    auto opened = base::open_private_folder(path);
    if (!opened) return Unexpected(opened.error());
    *folder = std::move(*opened);
  }
  Store store(std::move(folders));
  store.read_quarantine(remarks);
  store.judge_start(remarks);
  return store;
}

void Store::read_quarantine(std::vector<std::string>& remarks) {
  for (auto& json : read_all<QuarantinedJson>(folders_.quarantine.get(),
                                              (folders_.path / "quarantine").string(), remarks)) {
    quarantined_[json.sha256] = {json.sha256,
                                 text::printable(json.plugin, 64),
                                 text::printable(json.file, kLongestText),
                                 text::printable(json.reason, kLongestText),
                                 from_ms(json.since),
                                 json.settings};
  }
}

void Store::judge_start(std::vector<std::string>& remarks) {
  if (faccessat(folders_.own.get(), kStarting, F_OK, AT_SYMLINK_NOFOLLOW) != 0) return;
  const auto text = base::read_small(folders_.own.get(), kStarting, kLongestFile);
  const auto json =
      text ? from_json<StartingJson>(*text) : Result<StartingJson>(Unexpected(text.error()));
  if (!json || !is_hash(json->sha256)) {
    remarks.push_back(fmt::format("{} is not used: {}", (folders_.path / kStarting).string(),
                                  json ? "it names no hash" : json.error().message));
  } else if (json->boot != boot_id()) {
    remarks.push_back(fmt::format("plugin {} ({}) was being started when the machine went down",
                                  text::printable(json->plugin, 64),
                                  text::printable(json->file, kLongestText)));
  } else {
    remarks.push_back(fmt::format("plugin {} ({}) is quarantined: {}",
                                  text::printable(json->plugin, 64),
                                  text::printable(json->file, kLongestText), kEnded));
    const auto status = quarantine({json->sha256, json->plugin, json->file, kEnded, {}, {}});
    if (!status) remarks.push_back("quarantine: " + status.error().message);
  }
  if (const auto status = end_start(); !status) remarks.push_back(status.error().message);
}

Status Store::quarantine(Quarantined entry) {
  if (auto status = check_hash(entry.sha256); !status) return status;
  if (entry.since == system_clock::time_point()) entry.since = system_clock::now();
  entry.plugin = text::printable(entry.plugin, 64);
  entry.file = text::printable(entry.file, kLongestText);
  entry.reason = text::printable(entry.reason, kLongestText);
  const std::lock_guard lock(*mutex_);
  quarantined_[entry.sha256] = entry;
  auto status = write_json(folders_.quarantine.get(), entry.sha256 + ".json",
                           QuarantinedJson{entry.sha256, entry.plugin, entry.file, entry.reason,
                                           to_ms(entry.since), entry.settings});
  forget_oldest();
  return status;
}

void Store::forget_oldest() {
  if (quarantined_.size() <= kMostQuarantined) return;
  const auto oldest =
      std::ranges::min_element(quarantined_, {}, [](const auto& row) { return row.second.since; });
  (void)remove_file(folders_.quarantine.get(), oldest->first + ".json");
  quarantined_.erase(oldest);
}

std::optional<Quarantined> Store::find(const std::string& sha256) const {
  const std::lock_guard lock(*mutex_);
  const auto found = quarantined_.find(sha256);
  return found == quarantined_.end() ? std::nullopt : std::optional(found->second);
}

Status Store::release(const std::string& sha256) {
  if (auto status = check_hash(sha256); !status) return status;
  const std::lock_guard lock(*mutex_);
  if (quarantined_.erase(sha256) == 0) return {};
  return remove_file(folders_.quarantine.get(), sha256 + ".json");
}

std::vector<Quarantined> Store::all() const {
  std::vector<Quarantined> list;
  {
    const std::lock_guard lock(*mutex_);
    for (const auto& [hash, entry] : quarantined_) list.push_back(entry);
  }
  std::ranges::sort(list, [](const auto& a, const auto& b) {
    return std::tie(a.since, a.sha256) < std::tie(b.since, b.sha256);
  });
  return list;
}

Status Store::keep_good(const std::string& plugin, const std::string& version, const Bundle& staged,
                        const std::string& sha256) {
  if (!is_plugin_name(plugin)) return fail("it has no name to keep it under");
  if (auto status = check_hash(sha256); !status) return status;
  auto kept = good(plugin);
  const std::lock_guard lock(*mutex_);
  if (auto above = base::open_private_folder(folders_.path / "good"); !above) {
    return Unexpected(above.error());
  }
  const auto folder = base::open_private_folder(folders_.path / "good" / plugin);
  if (!folder) return Unexpected(folder.error());
  auto linked =
      keep_libraries(staged.libraries, folders_.path / "good" / plugin / (sha256 + kLibraries));
  if (linked) linked = link_or_copy(staged.file, folder->get(), sha256 + ".so");
  if (!linked) {
    return fail(fmt::format("{}.so cannot be kept: {}", sha256, linked.error().message));
  }
  auto now = to_ms(system_clock::now());
  if (!kept.empty()) now = std::max(now, to_ms(kept.front().since) + 1);  // a clock may go back
  if (auto status = write_json(folder->get(), sha256 + ".json",
                               GoodJson{sha256, text::printable(version, 128), now});
      !status) {
    return status;
  }
  std::erase_if(kept, [&](const Good& other) { return other.sha256 == sha256; });
  std::vector<std::string> stay = {sha256};
  for (std::size_t i = 0; i < kept.size() && stay.size() < kMostGood; ++i) {
    stay.push_back(kept[i].sha256);
  }
  Status status;
  (void)base::each_entry(folder->get(), [&](const std::string& name) {
    const bool stays = std::ranges::any_of(stay, [&](const std::string& known) {
      return name == known + ".so" || name == known + ".json" || name == known + kLibraries;
    });
    if (stays) return;
    std::error_code error;
    fs::remove_all(folders_.path / "good" / plugin / name, error);
    if (error) status = fail(fmt::format("{} cannot be removed: {}", name, error.message()));
  });
  return status;
}

std::vector<Good> Store::good(const std::string& plugin) const {
  std::vector<Good> list;
  if (!is_plugin_name(plugin)) return list;
  const std::lock_guard lock(*mutex_);
  const auto path = folders_.path / "good" / plugin;
  const base::Descriptor folder(
      ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder) return list;
  std::vector<std::string> ignored;
  for (const auto& json : read_all<GoodJson>(folder.get(), path.string(), ignored)) {
    struct stat found{};
    const auto name = json.sha256 + ".so";
    if (fstatat(folder.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(found.st_mode)) {
      continue;
    }
    const auto libraries = path / (json.sha256 + kLibraries);
    std::error_code none;
    list.push_back({path / name, json.sha256, text::printable(json.version, 128),
                    from_ms(json.since),
                    fs::is_directory(libraries, none) ? libraries : fs::path()});
  }
  std::ranges::sort(list, [](const auto& a, const auto& b) {
    return std::tie(b.since, b.sha256) < std::tie(a.since, a.sha256);
  });
  return list;
}

Status Store::begin_start(const std::string& sha256, const std::string& plugin,
                          const std::string& file) {
  if (auto status = check_hash(sha256); !status) return status;
  return write_json(folders_.own.get(), kStarting,
                    StartingJson{sha256, text::printable(plugin, 64),
                                 text::printable(file, kLongestText), boot_id()});
}

Status Store::end_start() {
  auto status = remove_file(folders_.own.get(), kStarting);
  fsync(folders_.own.get());
  return status;
}

}  // namespace dojo::plugins
