#include "plugins/deploy/errands.hpp"

#include <iterator>
#include <utility>

#include "base/threads.hpp"

namespace dojo::plugins {

Errands::~Errands() {
  for (auto& [file, errand] : errands_) {
    if (errand.thread.joinable()) errand.thread.join();
  }
}

void Errands::send(const std::filesystem::path& file, std::function<void()> work) {
  auto& errand = errands_[file];
  errand.next = std::move(work);
  if (errand.thread.joinable()) {
    if (!errand.done) return;
    errand.thread.join();
  }
  errand.done = false;
  auto thread = threads::start([this, &errand] {
    const std::lock_guard lock(work_);
    run(errand);
  });
  if (thread) {
    errand.thread = std::move(*thread);
  } else {
    run(errand);
  }
}

void Errands::run(Errand& errand) {
  while (errand.next && goes_on_()) {
    const auto now = std::exchange(errand.next, nullptr);
    threads::guard(now, [this](const char* why) {
      log_.error("a plugin is left as it is", {{"reason", why}});
    });
  }
  errand.done = true;
}

void Errands::clear() {
  for (auto row = errands_.begin(); row != errands_.end();) {
    auto& errand = row->second;
    if (errand.done && errand.thread.joinable()) errand.thread.join();
    row = errand.done ? errands_.erase(row) : std::next(row);
  }
}

}  // namespace dojo::plugins
