// What outlives the host about plugins, in <state>/plugins: which files are bad, and which were
// good.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <dojo/result.hpp>

#include "base/descriptor.hpp"
#include "plugins/deploy/staging.hpp"

namespace dojo::plugins {

/// A file that is not to be loaded again.
struct Quarantined {
  std::string sha256;
  std::string plugin;  ///< empty if it never said its name
  std::string file;    ///< where it came from
  std::string reason;
  std::chrono::system_clock::time_point since;
  /// A fingerprint of the settings that it was tried with, by whose change it may become good;
  /// empty: they had no part in it.
  std::string settings{};
};

/// A copy of a file that has served.
struct Good {
  std::filesystem::path file;  ///< to be staged, never loaded as it is; compare the hash then
  std::string sha256;
  std::string version;
  std::chrono::system_clock::time_point since;
  std::filesystem::path libraries{};  ///< those that it brings, by name; empty: none
};

/// The folder <state>/plugins, which a Staging has locked. Move-only; all calls from any thread. A
/// failed one leaves the host able to go on: what could not be written still counts in this
/// process.
class Store {
 public:
  static constexpr std::size_t kMostQuarantined = 256;

  /// What the host was starting when it was ended is quarantined now, unless the machine went down
  /// with it. @param remarks what the operator should know, a line each, is added to it
  /// @return an error only if there is no such folder to be had
  static Result<Store> open(const std::filesystem::path& state_dir,
                            std::vector<std::string>& remarks);

  /// A known hash is written anew. `since` is now if it is zero. Of very many, the oldest go.
  Status quarantine(Quarantined entry);
  [[nodiscard]] std::optional<Quarantined> find(const std::string& sha256) const;
  /// Good also if it is not there. @return an error if its file stays
  Status release(const std::string& sha256);
  /// Oldest first.
  [[nodiscard]] std::vector<Quarantined> all() const;

  /// Keeps a copy of what serves now, and of the one before it. @param staged a file of ours, and
  /// the libraries that it brings; is linked to, or copied
  Status keep_good(const std::string& plugin, const std::string& version, const Bundle& staged,
                   const std::string& sha256);
  Status keep_good(const std::string& plugin, const std::string& version,
                   const std::filesystem::path& staged, const std::string& sha256) {
    return keep_good(plugin, version, Bundle{staged}, sha256);
  }
  /// Newest first.
  [[nodiscard]] std::vector<Good> good(const std::string& plugin) const;

  /// Before the host lets a plugin's code into its own process: should that end it, the next open()
  /// knows. One at a time.
  Status begin_start(const std::string& sha256, const std::string& plugin, const std::string& file);
  /// It has not.
  Status end_start();

 private:
  struct Folders {
    std::filesystem::path path;
    base::Descriptor quarantine;
    base::Descriptor own;  // `path` itself
  };
  explicit Store(Folders folders);
  void read_quarantine(std::vector<std::string>& remarks);
  void judge_start(std::vector<std::string>& remarks);
  void forget_oldest();

  Folders folders_;
  std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();
  std::map<std::string, Quarantined> quarantined_;  // by hash
};

}  // namespace dojo::plugins
