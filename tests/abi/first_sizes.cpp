// The shortest tables that are accepted are those of ABI 1.0, wherever that is written down: the
// host's and the C++ face's numbers against the baseline's last field of each table.
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include <dojo/context.hpp>

#include "plugins/abi/tables.hpp"

namespace {

/// Where a field ends, by a line "  <field> at <offset>, <size> bytes: …".
std::size_t end_of(const std::string& baseline, const std::string& field) {
  std::ifstream in(baseline);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string name;
    std::string at;
    std::size_t offset = 0;
    char comma = 0;
    std::size_t size = 0;
    if (words >> name >> at >> offset >> comma >> size && name == field) return offset + size;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  using dojo::plugins::kFirstSize;
  int failures = 0;
  for (const auto& [field, size] : {
           std::pair<const char*, std::size_t>{"dojo_plugin_entry_v1.create",
                                               kFirstSize<dojo_plugin_entry_v1>},
           {"dojo_plugin.extension", kFirstSize<dojo_plugin>},
           {"dojo_route.priority", kFirstSize<dojo_route>},
           {"dojo_response.release_context", kFirstSize<dojo_response>},
           {"dojo_state_v1.restore", kFirstSize<dojo_state_v1>},
           {"dojo_health_v1.check", kFirstSize<dojo_health_v1>},
           {"dojo_selftest_v1.run", kFirstSize<dojo_selftest_v1>},
           {"dojo_host.extension", dojo::detail::kFirstHost},
           {"dojo_request.deadline_ns", dojo::detail::kFirstRequest},
           {"dojo_executor_v1.post", dojo::detail::kFirstExecutor},
       }) {
    const auto end = end_of(argv[1], field);
    if (end == size) continue;
    std::cerr << field << " was the last of its table in ABI 1.0 and ends at " << end
              << ", but the shortest table accepted has " << size << " bytes\n";
    ++failures;
  }
  return failures;
}
