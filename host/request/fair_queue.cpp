#include "request/fair_queue.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <tuple>
#include <utility>

namespace dojo::request {
namespace {

// Callers of whom account is kept though they have nothing waiting.
constexpr std::size_t kMostIdle = 1'024;
// A caller is ahead of its share by more than this part of a task: sums of fractions are not exact.
constexpr double kTolerance = 0.01;
// Tasks by which a caller can be ahead of its share, for instance by priority, or behind it.
constexpr double kMostAhead = 8;
constexpr double kMostBehind = 1;
// What a task can cost, where 1 is the mean of all.
constexpr double kLeastCost = 1.0 / 1'024;
constexpr double kMostCost = 1'024;
// From which cost on a caller leaves servers to others.
constexpr double kDear = 8;
// Tasks over which the means of their costs go: of one caller's, and of all.
constexpr double kOwnTasks = 4;
constexpr double kAllTasks = 256;
// Part of an estimate that one has to be sure of before a request is refused on account of it.
constexpr double kSure = 0.875;

FairQueue::Wait wait_of(double nanoseconds) {
  constexpr double kMost = 86'400e9;
  return FairQueue::Wait(static_cast<std::int64_t>(std::clamp(nanoseconds, -kMost, kMost)));
}

/// When tasks are due, up to a time. One that is not taken before it is due is dropped, and then
/// keeps no server busy.
class DueTimes {
 public:
  DueTimes(Task::Time now, Task::Time end)
      : now_(now), part_(std::max(1.0, nanoseconds(end - now) / kParts)) {}
  void add(Task::Time due) {
    if (due <= now_) return;
    const auto parts = nanoseconds(due - now_) / part_;
    ++tasks_[parts < kParts ? static_cast<std::size_t>(parts) : kParts];
  }
  /// How many can be taken before they are due, and before the end, if one is taken in each `pace`
  /// ns. Those due after the end count all.
  [[nodiscard]] double takeable(double pace) const {
    if (!(pace > 0)) return 0;
    double taken = 0;
    for (std::size_t i = 0; i < kParts; ++i) {
      const auto most = part_ * static_cast<double>(i + 1) / pace;
      taken = std::max(taken, std::min(taken + tasks_[i], most));
    }
    return taken + tasks_[kParts];
  }

 private:
  static constexpr std::size_t kParts = 64;
  static double nanoseconds(FairQueue::Wait time) { return static_cast<double>(time.count()); }
  Task::Time now_;
  double part_;
  std::array<double, kParts + 1> tasks_{};
};

/// Room for `size` + 1 in all, without a new block for each.
template <class T>
void reserve_one_more(std::vector<T>& all, std::size_t size) {
  if (all.capacity() <= size) all.reserve(std::max<std::size_t>(8, 2 * size));
}

bool is_displaceable(const Task& task) {
  // One that has passed its gate gives its leave back when a worker drops it.
  return task.id != 0 && !task.resumes && (!task.gate || task.hooked);
}

}  // namespace

bool FairQueue::Rank::operator<(const Rank& other) const {
  const auto all = [](const Rank& rank) {
    return std::tie(rank.step, rank.ahead, rank.deadline, rank.start, rank.sequence);
  };
  return all(*this) < all(other);
}

double FairQueue::sane(double weight) {
  return weight >= 0.01 ? std::min(weight, 100.0) : 0.01;  // also if it is no number
}

FairQueue::FairQueue(unsigned servers)
    : servers_(std::max(1u, servers)), lines_(1), samples_(-servers_) {}

void FairQueue::prepare(const Task& task) {
  (void)line_for(task);
}

/// The line that a task belongs to, with room for it.
std::uint32_t FairQueue::line_for(const Task& task) {
  if (order_.capacity() == 0) order_.reserve(lines_.size());
  const auto index = task.id == 0 ? kJobs : line_of(task.caller);
  lines_[index].tasks.reserve_one();
  return index;
}

void FairQueue::push(Task task, Time now) {
  const auto index = line_for(task);
  auto& line = lines_[index];
  if (index != kJobs) {
    const auto weight = sane(task.weight);
    if (line.competes) weight_ += weight - line.weight;
    line.weight = weight;
    if (!line.competes && !line.pauses) {
      line.start = std::max(line.start, virtual_);
      line.follows = false;
    }
  }
  count(line, task, 1);
  const auto sequence = task.sequence;
  line.tasks.push(std::move(task));
  if (!line.competes || line.tasks.top().sequence == sequence) settle(index, now);
}

Task FairQueue::pop(Time now) {
  measure(now);
  const auto index = order_.front();
  auto& line = lines_[index];
  auto task = line.tasks.pop();
  count(line, task, -1);
  if (index != kJobs) {
    task.charged = {line.cost, backlogs_};
    charge(line, line.cost);
    line.follows = true;
    ++line.busy;
  }
  settle(index, now);
  return task;
}

void FairQueue::worked(const wire::PublicKey& caller, const Task::Charged& charged, Wait time,
                       Time now) {
  const auto took = static_cast<double>(std::max<Wait::rep>(1, time.count()));
  worked_ = std::min(worked_ + 1, kAllTasks);
  mean_ += (took - mean_) / worked_;
  const auto cost = std::clamp(took / mean_, kLeastCost, kMostCost);
  const auto found = index_.find(caller);
  if (found == index_.end()) return;
  auto& line = lines_[found->second];
  line.cost += (cost - line.cost) / kOwnTasks;
  if (line.busy > 0) --line.busy;  // of one that was forgotten meanwhile it is not known
  // What was taken while nobody else wanted it is not held against anyone.
  if (charged.backlog == backlogs_ && weight_ > 0) charge(line, cost - charged.cost);
  if (line.pauses) settle(found->second, now);
}

std::size_t FairQueue::displaceable(const wire::PublicKey& caller) const {
  const auto found = index_.find(caller);
  if (found == index_.end()) return 0;
  const auto& line = lines_[found->second];
  return line.tasks.size() - line.gated;
}

bool FairQueue::displace(double per_weight, Task& out, Time now) {
  std::uint32_t most = kJobs;
  double holds = per_weight;
  for (std::uint32_t index = kJobs + 1; index < lines_.size(); ++index) {
    const auto& line = lines_[index];
    const auto tasks = line.tasks.size() - line.gated;
    const auto each = static_cast<double>(tasks) / line.weight;
    if (tasks < 2 || each <= holds) continue;
    holds = each;
    most = index;
  }
  if (most == kJobs) return false;
  auto& line = lines_[most];
  if (!line.tasks.take_last(is_displaceable, out)) return false;
  count(line, out, -1);
  settle(most, now);
  return true;
}

// ---- lines

/// The line of a caller, with room for one more task of its.
std::uint32_t FairQueue::line_of(const wire::PublicKey& caller) {
  if (const auto found = index_.find(caller); found != index_.end()) return found->second;
  if (free_.empty()) {
    // Every line may come to stand in each of the two.
    reserve_one_more(order_, lines_.size());
    reserve_one_more(free_, lines_.size());
    lines_.emplace_back();
    free_.push_back(static_cast<std::uint32_t>(lines_.size() - 1));
  }
  const auto index = free_.back();
  auto& line = lines_[index];
  line.tasks.reserve_one();
  index_.emplace(caller, index);
  free_.pop_back();
  line.caller = caller;
  line.start = virtual_;
  line.cost = 1;
  line.busy = 0;
  return index;
}

bool FairQueue::is_ahead(const Line& line) const {
  return (line.start - virtual_) * line.weight > kTolerance;
}

/// @param weight of all that compete, this one included
FairQueue::Rank FairQueue::rank_of(const Task& task, const Line& line, double weight,
                                   Time now) const {
  Rank rank{0, false, task.deadline, 0, task.sequence};
  auto turn = task.arrived;
  if (line.follows || is_ahead(line)) {
    turn = std::max(turn, now + wait_of((line.start - virtual_) * weight * interval_));
    rank.ahead = true;
    rank.deadline = Time::max();
    rank.start = line.start;
  }
  rank.step = turn.time_since_epoch() / kAgeing - task.priority;
  return rank;
}

/// Virtual time goes on for all by what one has had, and that one's own by all of it.
void FairQueue::charge(Line& line, double cost) {
  virtual_ += cost / weight_;
  line.start = std::clamp(line.start + cost / line.weight, virtual_ - kMostBehind / line.weight,
                          virtual_ + (kMostAhead - 1 + std::max(1.0, line.cost)) / line.weight);
  furthest_ = std::max(furthest_, line.start);
}

/// Puts a line where its head belongs, or away if it has none.
void FairQueue::settle(std::uint32_t index, Time now) {
  auto& line = lines_[index];
  if (line.tasks.empty()) {
    if (line.competes || line.pauses) retire(index);
    if (size_ == 0) start_anew();
    return;
  }
  line.pauses = has_servers_enough(line);
  if (line.pauses) {
    if (line.competes) withdraw(index);
    return;
  }
  if (!line.competes) {
    line.competes = true;
    if (index != kJobs) weight_ += line.weight;
    line.rank = rank_of(line.tasks.top(), line, weight_, now);
    order_.push_back(index);
    sift_up(order_.size() - 1);
    return;
  }
  line.rank = rank_of(line.tasks.top(), line, weight_, now);
  sift_up(line.at);
  sift_down(line.at);
}

/// Nothing that a server has begun can be taken from it, and the others' next ones wait as long:
/// were all servers with what is dear, those would come by at that pace.
bool FairQueue::has_servers_enough(const Line& line) const {
  return servers_ > 1 && line.cost >= kDear && line.busy >= servers_ / 2;
}

void FairQueue::withdraw(std::uint32_t index) {
  auto& line = lines_[index];
  line.competes = false;
  const auto at = line.at;
  const auto last = order_.back();
  order_.pop_back();
  if (last != index) {
    put(at, last);
    sift_up(at);
    sift_down(lines_[last].at);
  }
  if (index != kJobs) weight_ = order_.empty() ? 0 : weight_ - line.weight;
}

void FairQueue::retire(std::uint32_t index) {
  auto& line = lines_[index];
  if (line.competes) withdraw(index);
  line.pauses = false;
  if (index == kJobs) return;
  if (!std::exchange(line.kept, true)) keep(index);
  while (idle_ > kMostIdle) forget_longest();
}

void FairQueue::keep(std::uint32_t index) {
  (idle_ == 0 ? idle_first_ : lines_[idle_last_].next) = index;
  idle_last_ = index;
  ++idle_;
}

void FairQueue::forget_longest() {
  const auto longest = idle_first_;
  auto& gone = lines_[longest];
  idle_first_ = gone.next;
  --idle_;
  gone.kept = false;
  if (gone.competes || gone.pauses) return;
  index_.erase(gone.caller);
  free_.push_back(longest);
}

/// Nobody waits any more, so nobody has been kept waiting by others.
void FairQueue::start_anew() {
  virtual_ = std::max(virtual_, furthest_);
  taken_.reset();
  samples_ = -servers_;
  ++backlogs_;
}

void FairQueue::count(Line& line, const Task& task, int by) {
  const auto one = static_cast<std::uint32_t>(by);  // -1 wraps round
  size_ += static_cast<std::size_t>(by);
  if (!is_displaceable(task)) line.gated += one;
  if (task.priority < 0) line.low += one;
}

void FairQueue::put(std::size_t at, std::uint32_t index) {
  order_[at] = index;
  lines_[index].at = static_cast<std::uint32_t>(at);
}

void FairQueue::sift_up(std::size_t at) {
  const auto index = order_[at];
  const auto& rank = lines_[index].rank;
  while (at > 0) {
    const auto parent = (at - 1) / 2;
    if (!(rank < lines_[order_[parent]].rank)) break;
    put(at, order_[parent]);
    at = parent;
  }
  put(at, index);
}

void FairQueue::sift_down(std::size_t at) {
  const auto index = order_[at];
  const auto& rank = lines_[index].rank;
  while (2 * at + 1 < order_.size()) {
    auto child = 2 * at + 1;
    if (child + 1 < order_.size() && lines_[order_[child + 1]].rank < lines_[order_[child]].rank) {
      ++child;
    }
    if (!(lines_[order_[child]].rank < rank)) break;
    put(at, order_[child]);
    at = child;
  }
  put(at, index);
}

// ---- how long it takes

/// A mean over so many takes that servers which become free all at once do not sway it.
void FairQueue::measure(Time now) {
  if (taken_ && ++samples_ > 0) {
    const auto passed = static_cast<double>(Wait(now - *taken_).count());
    const auto over = std::min(samples_, std::max<std::int64_t>(16, 8 * servers_));
    interval_ += (passed - interval_) / static_cast<double>(over);
  }
  taken_ = now;
}

FairQueue::Wait FairQueue::backlog() const {
  return wait_of(static_cast<double>(size_) * interval_);
}

std::optional<FairQueue::Wait> FairQueue::too_late(const Task& task, Time now) const {
  if (samples_ < std::max<std::int64_t>(8, 2 * servers_) || task.deadline == Time::max())
    return std::nullopt;
  const auto left = static_cast<double>(Wait(task.deadline - now).count());
  if (static_cast<double>(size_) * interval_ * kSure <= left) return std::nullopt;
  auto wait = ahead_of(task, now) * interval_;
  if (wait * kSure > left) wait = std::min(wait, takeable_before(task.deadline, now) * interval_);
  return wait * kSure > left ? std::optional(wait_of(wait)) : std::nullopt;
}

/// How many tasks will be taken before this one, at the least.
double FairQueue::ahead_of(const Task& task, Time now) const {
  Line line;
  line.weight = sane(task.weight);
  line.start = virtual_;
  auto weight = weight_;
  DueTimes before(now, task.deadline);
  const auto found = index_.find(task.caller);
  const auto* const mine = found == index_.end() ? nullptr : &lines_[found->second];
  if (mine != nullptr && mine->competes) {
    line.start = mine->start;
    for (const auto& other : mine->tasks)
      if (runs_before(other, task)) before.add(other.deadline);
  } else {
    if (mine != nullptr) line.start = std::max(virtual_, mine->start);
    weight += line.weight;
  }
  const auto own = std::floor(before.takeable(interval_ * weight / line.weight));
  const auto rank = rank_of(task, line, weight, now);
  double ahead = own;
  for (const auto index : order_) {
    const auto& other = lines_[index];
    if (&other == mine) continue;
    const double head = other.rank < rank ? 1 : 0;
    // Of others one cannot tell what is before a priority that may not be theirs.
    const bool shares = index != kJobs && task.priority == 0;
    ahead += shares ? std::max(head, due_before(other, line, own)) : head;
  }
  return ahead;
}

/// How many of all that wait can be taken before `deadline`.
double FairQueue::takeable_before(Time deadline, Time now) const {
  DueTimes all(now, deadline);
  for (const auto index : order_)
    for (const auto& task : lines_[index].tasks) all.add(task.deadline);
  return all.takeable(interval_);
}

/// Of another line, how many are due before a task that has `own` of its own line before it.
double FairQueue::due_before(const Line& other, const Line& line, double own) const {
  const auto due = line.start + own / line.weight;
  const auto tasks = std::floor((due - std::max(other.start, virtual_)) * other.weight);
  return std::clamp(tasks, 0.0, static_cast<double>(other.tasks.size() - other.low));
}

}  // namespace dojo::request
