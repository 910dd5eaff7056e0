#include "pipeline/in_flight.hpp"

#include <cassert>
#include <new>
#include <utility>

namespace dojo::pipeline {
namespace {

constexpr unsigned kIndexBits = 24;

std::size_t index_of(dojo_request_id id) {
  return id & ((1u << kIndexBits) - 1);
}

/// Whether nobody waits for a call's answer.
bool idle(const Call& call) {
  return !call.waiting || call.waiting->abandoned() || call.route.crew->cancelled();
}

}  // namespace

InFlight::InFlight(std::size_t capacity) : slots_(capacity) {
  assert(capacity <= std::size_t{1} << kIndexBits);
  free_.reserve(capacity);
  for (std::size_t i = capacity; i > 0; --i) free_.push_back(static_cast<std::uint32_t>(i - 1));
}

std::optional<dojo_request_id> InFlight::open(std::unique_ptr<Call>& call) {
  std::uint32_t index = 0;
  {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return std::nullopt;
    index = free_.back();
    free_.pop_back();
    ++waiting_;
  }
  auto& slot = slots_[index];
  const std::lock_guard lock(slot.mutex);
  slot.state = State::queued;
  slot.idle_told = false;
  slot.call = std::move(call);
  return slot.generation << kIndexBits | index;
}

Call* InFlight::start(dojo_request_id id) {
  auto* slot = find(id);
  if (slot == nullptr) return nullptr;
  const std::lock_guard lock(slot->mutex);
  if (!is(*slot, id) || slot->state != State::queued) return nullptr;
  slot->state = State::prepared;
  return slot->call.get();
}

bool InFlight::put_back(dojo_request_id id) {
  auto& slot = *find(id);
  const std::lock_guard lock(slot.mutex);
  if (!is(slot, id)) return false;
  slot.state = State::queued;
  if (!slot.call->waiting) empty(slot);  // its deadline has passed meanwhile
  return slot.state == State::queued;
}

void InFlight::hand_over(dojo_request_id id) {
  auto& slot = *find(id);
  const std::lock_guard lock(slot.mutex);
  if (is(slot, id)) slot.state = State::running;
}

std::unique_ptr<Call> InFlight::close(dojo_request_id id, const plugins::Generation* generation) {
  auto* slot = find(id);
  if (slot == nullptr) return nullptr;
  std::unique_ptr<Call> call;
  {
    const std::lock_guard lock(slot->mutex);
    if (!is(*slot, id)) return nullptr;
    if (generation != nullptr &&
        (slot->state != State::running || &slot->call->route.generation() != generation)) {
      return nullptr;
    }
    call = empty(*slot);
  }
  if (call->waiting) no_longer_waiting();
  return call;
}

bool InFlight::cancelled(dojo_request_id id) {
  auto* slot = find(id);
  if (slot == nullptr) return true;
  const std::lock_guard lock(slot->mutex);
  return !is(*slot, id) || idle(*slot->call);
}

std::string InFlight::trace(dojo_request_id id) {
  auto* slot = find(id);
  if (slot == nullptr) return {};
  const std::lock_guard lock(slot->mutex);
  return is(*slot, id) ? slot->call->terms.request_id : std::string();
}

template <class Wanted>
std::vector<InFlight::Overdue> InFlight::take(Wanted wanted) {
  std::vector<Overdue> taken;
  try {
    for (auto& slot : slots_) {
      const std::lock_guard lock(slot.mutex);
      if (slot.state == State::free || !slot.call->waiting || !wanted(*slot.call)) continue;
      auto& call = *slot.call;
      taken.push_back({nullptr, call.terms, call.route.info().name, call.caller, call.ip, call.peer,
                       call.route.crew, slot.state != State::queued});
      taken.back().waiting = std::move(call.waiting);
      call.place = {};
      if (slot.state == State::queued) empty(slot);
    }
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch) the others: the next time
  }
  for (std::size_t i = 0; i < taken.size(); ++i) no_longer_waiting();
  return taken;
}

std::vector<InFlight::Overdue> InFlight::take_overdue(std::chrono::steady_clock::time_point now) {
  return take([&](const Call& call) { return call.deadline <= now; });
}

void InFlight::drop_abandoned() {
  for (auto& slot : slots_) {
    std::unique_ptr<Call> gone;
    {
      const std::lock_guard lock(slot.mutex);
      if (slot.state != State::queued || !slot.call->waiting || !slot.call->waiting->abandoned()) {
        continue;
      }
      gone = empty(slot);
    }
    no_longer_waiting();
  }
}

std::vector<InFlight::Overdue> InFlight::take_waiting(const Crew& crew) {
  return take([&](const Call& call) { return call.route.crew.get() == &crew; });
}

std::vector<InFlight::Idle> InFlight::take_idle() {
  std::vector<Idle> found;
  for (auto& slot : slots_) {
    const std::lock_guard lock(slot.mutex);
    if (slot.state != State::running || slot.idle_told || !idle(*slot.call)) continue;
    const auto index = static_cast<std::uint64_t>(&slot - slots_.data());
    try {
      found.push_back({slot.call->route.crew, slot.generation << kIndexBits | index});
    } catch (const std::bad_alloc&) {
      break;  // the others: the next time
    }
    slot.idle_told = true;
  }
  return found;
}

std::size_t InFlight::clear(const Crew& crew) {
  std::size_t cleared = 0;
  for (auto& slot : slots_) {
    std::unique_ptr<Call> gone;
    {
      const std::lock_guard lock(slot.mutex);
      if (slot.state == State::free || slot.call->route.crew.get() != &crew) continue;
      gone = empty(slot);
    }
    ++cleared;
    if (gone->waiting) no_longer_waiting();
  }
  return cleared;
}

bool InFlight::wait_until_answered(std::chrono::steady_clock::time_point limit) {
  std::unique_lock lock(mutex_);
  return answered_.wait_until(lock, limit, [this] { return waiting_ == 0; });
}

std::size_t InFlight::size() const {
  const std::lock_guard lock(mutex_);
  return slots_.size() - free_.size();
}

InFlight::Slot* InFlight::find(dojo_request_id id) {
  return index_of(id) < slots_.size() ? &slots_[index_of(id)] : nullptr;
}

bool InFlight::is(const Slot& slot, dojo_request_id id) {
  return slot.state != State::free && slot.generation == id >> kIndexBits;
}

std::unique_ptr<Call> InFlight::empty(Slot& slot) {
  auto call = std::move(slot.call);
  slot.state = State::free;
  ++slot.generation;
  const std::lock_guard lock(mutex_);
  free_.push_back(static_cast<std::uint32_t>(&slot - slots_.data()));
  return call;
}

void InFlight::no_longer_waiting() {
  const std::lock_guard lock(mutex_);
  if (--waiting_ == 0) answered_.notify_all();
}

}  // namespace dojo::pipeline
