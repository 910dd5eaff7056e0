#include "worker/plugin_file.hpp"

#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>

#include "base/files.hpp"
#include "plugins/deploy/staging.hpp"

namespace dojo::worker {
namespace {

namespace fs = std::filesystem;

fs::path path_of(const base::Descriptor& opened) {
  return fmt::format("/proc/self/fd/{}", opened.get());
}

Result<base::Descriptor> open_file(const fs::path& file) {
  base::Descriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!opened) return fail(fmt::format("{}: {}", file.string(), base::why()));
  return opened;
}

}  // namespace

Result<PluginFile> PluginFile::open(const fs::path& staged) {
  PluginFile held;
  auto file = open_file(staged);
  if (!file) return Unexpected(file.error());
  held.file_ = std::move(*file);
  std::error_code none;
  for (fs::directory_iterator entry(plugins::libraries_of(staged), none), end;
       !none && entry != end; entry.increment(none)) {
    if (!entry->is_regular_file()) continue;
    auto library = open_file(entry->path());
    if (!library) return Unexpected(library.error());
    held.libraries_.push_back(std::move(*library));
  }
  return held;
}

Result<std::unique_ptr<plugins::Instance>> PluginFile::load() const {
  std::vector<fs::path> libraries;
  libraries.reserve(libraries_.size());
  for (const auto& library : libraries_) libraries.push_back(path_of(library));
  return plugins::Instance::open(path_of(file_), libraries);
}

}  // namespace dojo::worker
