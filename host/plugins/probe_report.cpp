#include "plugins/probe_report.hpp"

#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace dojo::plugins {

ProbeReport report_probe(const std::filesystem::path& file, const SettingsFor& settings_for,
                         const ProbeOptions& options) {
  const auto trial = try_plugin(file, settings_for, options);
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
