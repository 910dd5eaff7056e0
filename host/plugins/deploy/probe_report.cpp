#include "plugins/deploy/probe_report.hpp"

#include <cstdlib>
#include <iterator>
#include <system_error>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/files.hpp"
#include "plugins/deploy/staging.hpp"

namespace dojo::plugins {
namespace {

namespace fs = std::filesystem;

/// Gone with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::error_code error;
    auto path = (fs::temp_directory_path(error) / "dojo-probe-XXXXXX").native();
    if (!error && mkdtemp(path.data()) != nullptr) path_ = path;
  }
  ~TemporaryFolder() {
    std::error_code error;
    if (!path_.empty()) fs::remove_all(path_, error);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  TemporaryFolder(TemporaryFolder&&) = delete;
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  /// Empty if there is none to be had.
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

}  // namespace

Trial try_copy(const fs::path& file, const SettingsFor& settings_for, const ProbeOptions& options) {
  const TemporaryFolder folder;
  if (folder.path().empty()) {
    return {{}, {fmt::format("there is no folder for a copy: {}; set TMPDIR", base::why())}, true};
  }
  const auto staging = Staging::open(folder.path());
  if (!staging) return {{}, {staging.error().message}, true};
  const auto staged = staging->stage(file, 1);
  if (!staged) return {{}, {staged.error().message}, false};
  return try_plugin(staged->file(), settings_for, options);
}

ProbeReport report_probe(const std::filesystem::path& file, const SettingsFor& settings_for,
                         const ProbeOptions& options) {
  const auto trial = try_copy(file, settings_for, options);
  const auto& found = trial.probed;
  const bool good = trial.faults.empty();
  std::string text;
  auto out = std::back_inserter(text);
  fmt::format_to(out, "{}: {}\n", file.string(), good ? "good" : "the host would refuse this file");
  if (!found.name.empty()) {
    fmt::format_to(out, "  plugin  {}{}{}\n", found.name, found.version.empty() ? "" : " ",
                   found.version);
  }
  if (good) fmt::format_to(out, "  routes  {}\n", fmt::join(found.routes, ", "));
  for (const auto& fault : trial.faults) fmt::format_to(out, "  fault   {}\n", fault);
  for (const auto& note : found.notes) fmt::format_to(out, "  note    {}\n", note);
  return {std::move(text), good ? 0 : 1};
}

}  // namespace dojo::plugins
