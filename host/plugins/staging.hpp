// The host's private copies of plugins' files: the only ones that are ever mapped.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

#include <dojo/result.hpp>

#include "net/descriptor.hpp"

namespace dojo::plugins {

/// A copy that is the host's alone: its file goes with the object. What is mapped of it stays.
class Staged {
 public:
  Staged(std::filesystem::path file, std::string sha256)
      : file_(std::move(file)), sha256_(std::move(sha256)) {}
  ~Staged();
  Staged(Staged&& other) noexcept;
  Staged& operator=(Staged&& other) noexcept;
  Staged(const Staged&) = delete;
  Staged& operator=(const Staged&) = delete;

  /// <state>/plugins/staged/<sha256>-<generation>.so, mode 0400
  [[nodiscard]] const std::filesystem::path& file() const { return file_; }
  /// Of the copy, in hex.
  [[nodiscard]] const std::string& sha256() const { return sha256_; }

 private:
  void remove() noexcept;

  std::filesystem::path file_;
  std::string sha256_;
};

/// <state>/plugins/staged, held by one host at a time. Move-only; stage() from any thread.
class Staging {
 public:
  static constexpr std::uint64_t kLargest = std::uint64_t{512} << 20;

  /// Locks <state>/plugins against other hosts, makes what is missing, and removes the copies of
  /// earlier runs. @param largest bytes that a plugin's file may have
  /// @return an error for an operator: another host, another's folder, a noexec mount
  static Result<Staging> open(const std::filesystem::path& state_dir,
                              std::uint64_t largest = kLargest);

  /// Copies a file, through symbolic links. @param generation not used before in this run
  /// @return an error that is_changing() if the file was written to meanwhile: try again later
  [[nodiscard]] Result<Staged> stage(const std::filesystem::path& source,
                                     std::uint64_t generation) const;
  /// Whether stage() has failed since the file is still being written.
  static bool is_changing(const Error& error);

 private:
  Staging(std::filesystem::path folder, net::Descriptor lock, net::Descriptor directory,
          std::uint64_t largest);

  std::filesystem::path folder_;
  net::Descriptor lock_;
  net::Descriptor directory_;
  std::uint64_t largest_;
};

}  // namespace dojo::plugins
