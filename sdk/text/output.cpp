#include "text/output.hpp"

#include <cerrno>
#include <cstdio>
#include <system_error>

namespace dojo::text {

int finish_output(const char* program, int exit_code, int when_lost) {
  errno = 0;
  const bool flushed = std::fflush(stdout) == 0;
  const int why = flushed ? 0 : errno;
  if (flushed && std::ferror(stdout) == 0) return exit_code;
  std::fprintf(stderr, "%s: what it had to say could not be written to standard output%s%s\n",
               program, why == 0 ? "" : ": ",
               why == 0 ? "" : std::generic_category().message(why).c_str());
  return exit_code == 0 ? when_lost : exit_code;
}

}  // namespace dojo::text
