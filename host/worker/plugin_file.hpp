// A plugin's staged file, held open while this process may still reach it.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include <dojo/result.hpp>

#include "base/descriptor.hpp"
#include "plugins/abi/instance.hpp"

namespace dojo::worker {

/// For a process that becomes another user: the state folder, above the file, is closed to others.
class PluginFile {
 public:
  /// Opens it and the libraries beside it.
  static Result<PluginFile> open(const std::filesystem::path& staged);
  /// Instance::open() by descriptors. /proc/self/maps and the loader's words for people have the
  /// paths all the same.
  [[nodiscard]] Result<std::unique_ptr<plugins::Instance>> load() const;

 private:
  base::Descriptor file_;
  std::vector<base::Descriptor> libraries_;
};

}  // namespace dojo::worker
