// The smallest plugin: what comes in goes out.
#include <dojo/plugin.hpp>

namespace {

struct Echo {
  std::string message;
};
DOJO_MODEL(Echo, message)

Echo echo(Echo request) {
  return request;
}

}  // namespace

DOJO_PLUGIN("echo", "1.0.0", dojo::handle(echo).describe("Answers with what it is sent"))
