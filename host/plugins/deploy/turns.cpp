#include "plugins/deploy/turns.hpp"

namespace dojo::plugins {

Turns::Turn::Turn(Turns& turns, std::string_view plugin) : turns_(turns), plugin_(plugin) {
  auto& taken = turns_.taken_;
  if (plugin_.empty()) {
    ++turns_.nameless_;
  } else if (const auto its = taken.find(plugin_);
             its != taken.end() && its->second == std::this_thread::get_id()) {
    first_ = false;
  } else {
    turns_.changed_.wait(turns_.mutex_, [&] { return !taken.contains(plugin_); });
    taken.emplace(plugin_, std::this_thread::get_id());
  }
}

Turns::Turn::~Turn() {
  if (!first_) return;
  if (plugin_.empty()) {
    --turns_.nameless_;
  } else {
    turns_.taken_.erase(plugin_);
  }
  turns_.changed_.notify_all();
}

bool Turns::wait_for_rest(std::chrono::milliseconds limit) {
  return changed_.wait_for(mutex_, limit, [this] { return nameless_ == 0 && taken_.empty(); });
}

}  // namespace dojo::plugins
