// Claims the route that the echo plugin has.
#include <dojo/plugin.hpp>

namespace {

struct Echo {
  std::string message;
};
DOJO_MODEL(Echo, message)

Echo echo(Echo request) {
  request.message = "the rival's";
  return request;
}

}  // namespace

DOJO_PLUGIN("rival", "1.0.0", dojo::handle(echo))
