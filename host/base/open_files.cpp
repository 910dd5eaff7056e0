#include "base/open_files.hpp"

#include <string>

#include <sys/resource.h>

namespace dojo::base {
namespace {

// Of the reactors, plugins' sockets to their processes, files, and some to spare.
constexpr std::size_t kBeside = 512;

}  // namespace

void raise_open_files(std::size_t max_connections, const Log& log) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  if (limit.rlim_cur < limit.rlim_max) {
    const rlimit raised{limit.rlim_max, limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= max_connections + kBeside) return;
  log.warning(
      "fewer files may be open than max_connections needs: raise the limit (ulimit -n, "
      "LimitNOFILE=), or lower max_connections",
      {{"open_files", std::to_string(limit.rlim_cur)},
       {"max_connections", std::to_string(max_connections)},
       {"needed", std::to_string(max_connections + kBeside)}});
}

}  // namespace dojo::base
