// dojo-worker: the process in which code of plugins runs that the host does not let into its own.
// The host starts it; it is of no use by hand.
#include <csignal>
#include <cstdio>
#include <exception>
#include <string_view>

#include "process/inherited.hpp"
#include "worker/serve.hpp"
#include "worker/trial.hpp"

namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

int run(int argc, char** argv) {
  // A service manager that stops the host tells every process of it; the host ends its workers when
  // it has no more need of them, and takes the end of one that tries a file for the file's fault.
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) std::signal(signal, SIG_IGN);
  const std::string_view task = argc > 1 ? argv[1] : "";
  if (task == "probe") return dojo::worker::try_file(argc - 1, argv + 1);
  if (task == "serve") return dojo::worker::serve(argc - 1, argv + 1);
  std::fputs(
      "dojo-worker: started by dojo-host, as `dojo-worker probe …` to try a plugin's file, or as "
      "`dojo-worker serve …` to run one.\nTo try a file by hand: dojo-host --probe FILE\n",
      stderr);
  return kUsage;
}

}  // namespace

int main(int argc, char** argv) {
  dojo::process::undo_inheritance();
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "dojo-worker: %s\n", error.what());
    return kFailed;
  }
}
