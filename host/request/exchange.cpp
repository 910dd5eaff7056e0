#include "request/exchange.hpp"

#include <chrono>
#include <utility>

namespace dojo::request {

/// Not more than one such task of a request waits, which the queue has room for.
void Exchange::on_room() noexcept {
  Task task;
  task.id = id;
  task.resumes = true;
  task.caller = caller().key;
  task.weight = weight;
  task.arrived = std::chrono::steady_clock::now();
  if (route.crew->executor().push(std::move(task))) return;
  stream()->end(false);  // for want of memory, or since its crew ends: nobody will write on
}

}  // namespace dojo::request
