// Watches the folder that plugins' files are dropped into.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/descriptor.hpp"

namespace dojo::plugins {

/// Says which .so files are new or changed, once they have come to rest. The folder is watched,
/// never a file; what the kernel tells is a hint to look, and it is looked now and then anyway, so
/// that a folder that is replaced, unmounted or made later, a link whose target changes elsewhere,
/// and a network file system are no special cases. Files that go are not reported. wait(),
/// take_present() and take_notes() belong to one thread; wake() and present() are for any.
class FolderWatch {
 public:
  struct Options {
    std::chrono::milliseconds debounce{300};  ///< for how long a file must not have changed
    std::chrono::milliseconds rescan{5000};   ///< between two looks that nothing asked for
    bool inotify = true;                      ///< false: looks now and then alone
  };

  explicit FolderWatch(std::filesystem::path folder);
  FolderWatch(std::filesystem::path folder, Options options);

  /// Waits for files that are new or have changed since they were last returned, until `until`, or
  /// until wake(). The first call returns all that are there. @return sorted
  std::vector<std::filesystem::path> wait(std::chrono::steady_clock::time_point until);
  /// What is there now, settled or not, as if wait() had returned it. For the start, in wait()'s
  /// place.
  std::vector<std::filesystem::path> take_present();
  /// Lets a wait() return, also one that has not begun yet.
  void wake();
  /// The .so files that are there now, sorted: regular files, or links to them; none that is
  /// hidden.
  [[nodiscard]] std::vector<std::filesystem::path> present() const;
  /// What the operator should know: that the folder is missing, that the kernel tells nothing. Each
  /// once.
  std::vector<std::string> take_notes();

 private:
  using Clock = std::chrono::steady_clock;

  /// What tells one content of a file from another without reading it.
  struct Identity {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t size = 0;
    std::int64_t modified = 0;  // ns
    std::int64_t changed = 0;   // ns; a write through a mapping or a rename shows here
    bool operator==(const Identity&) const = default;
  };
  struct File {
    Identity now;
    Clock::time_point since;           // when `now` was first seen
    std::optional<Identity> returned;  // as it was when wait() returned it
    [[nodiscard]] bool pending() const { return returned != now; }
  };
  using Files = std::map<std::filesystem::path, Identity>;

  static std::optional<Identity> identify(const std::filesystem::path& file);
  static Files list(const std::filesystem::path& folder);
  void keep_watching();
  void follow();
  void look(Clock::time_point now);
  std::vector<std::filesystem::path> settled();
  [[nodiscard]] Clock::time_point next_look() const;
  bool hear(Clock::time_point until);
  bool read_events();
  void note_once(bool& noted, std::string text);

  const std::filesystem::path folder_;
  const Options options_;
  base::Descriptor wake_;
  base::Descriptor inotify_;
  int watch_ = -1;
  std::optional<Identity> watched_;  // the folder behind watch_
  std::map<std::filesystem::path, File> files_;
  std::optional<Clock::time_point> looked_;
  bool asked_ = false;  // the kernel has told something since
  bool deaf_noted_ = false;
  bool missing_noted_ = false;
  std::vector<std::string> notes_;
};

}  // namespace dojo::plugins
