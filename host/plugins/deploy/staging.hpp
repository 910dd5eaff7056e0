// The host's private copies of plugins' files: the only ones that are ever mapped.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <dojo/result.hpp>

#include "base/descriptor.hpp"
#include "plugins/deploy/libraries.hpp"

namespace dojo::plugins {

/// A plugin's file, to be copied with the libraries that it brings.
struct Bundle {
  std::filesystem::path file;
  /// Where its libraries are, by their names; empty: where the loader would find them.
  std::filesystem::path libraries{};
  Origins origins{};  ///< what its $ORIGIN stands for; empty: origins_of() the file
};

/// A copy that is the host's alone: its file goes with the object, and so do its libraries. What is
/// mapped of it stays.
class Staged {
 public:
  /// @param source the same as it was before the names in it were changed
  Staged(Bundle source, std::filesystem::path file, std::string sha256)
      : source_(std::move(source)), file_(std::move(file)), sha256_(std::move(sha256)) {}
  ~Staged();
  Staged(Staged&& other) noexcept;
  Staged& operator=(Staged&& other) noexcept;
  Staged(const Staged&) = delete;
  Staged& operator=(const Staged&) = delete;

  /// <state>/plugins/staged/<sha256>-<generation>.so, mode 0444. The libraries that it brings are
  /// in libraries_of() it, each under a name of its own, so that the loader takes no other for it.
  [[nodiscard]] const std::filesystem::path& file() const { return file_; }
  /// In hex: of the file, and of the libraries that it brings if there are any.
  [[nodiscard]] const std::string& sha256() const { return sha256_; }
  /// What to stage in order to have the same once more, for as long as this object lives.
  [[nodiscard]] const Bundle& source() const { return source_; }

 private:
  void remove() noexcept;

  Bundle source_;
  std::filesystem::path file_;
  std::string sha256_;
};

/// The folder with the libraries of a staged file, which is not there if it brings none.
std::filesystem::path libraries_of(const std::filesystem::path& staged);

/// <state>/plugins/staged, held by one host at a time. Move-only; stage() from any thread.
class Staging {
 public:
  static constexpr std::uint64_t kLargest = std::uint64_t{512} << 20;

  /// Locks <state>/plugins against other hosts, makes what is missing, and removes the copies of
  /// earlier runs. @param largest bytes that a plugin's file may have
  /// @return an error for an operator: another host, another's folder, a noexec mount
  static Result<Staging> open(const std::filesystem::path& state_dir,
                              std::uint64_t largest = kLargest);

  /// Copies a file and the libraries that it brings, through symbolic links. @param generation not
  /// used before in this run
  /// @return an error that is_changing() if one was written to meanwhile: try again later
  [[nodiscard]] Result<Staged> stage(const Bundle& source, std::uint64_t generation) const;
  [[nodiscard]] Result<Staged> stage(const std::filesystem::path& source,
                                     std::uint64_t generation) const {
    return stage(Bundle{source}, generation);
  }
  /// Whether stage() has failed since the file is still being written.
  static bool is_changing(const Error& error);

 private:
  Staging(std::filesystem::path folder, base::Descriptor lock, base::Descriptor directory,
          std::uint64_t largest);
  [[nodiscard]] Result<std::string> copy_file(const std::filesystem::path& from,
                                              const std::filesystem::path& to) const;
  [[nodiscard]] Result<std::string> copy_libraries(const std::vector<BroughtLibrary>& brought,
                                                   const std::filesystem::path& folder,
                                                   std::string hashes) const;

  std::filesystem::path folder_;
  base::Descriptor lock_;
  base::Descriptor directory_;
  std::uint64_t largest_;
};

}  // namespace dojo::plugins
