// Tasks that wait, and callers that share what they wait for (docs/decisions/fairness.md).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "request/task.hpp"
#include "wire/key_hash.hpp"

namespace dojo::request {

/// A queue that callers share by weight. Each has a line of its own, in the order of runs_before();
/// only the heads of the lines compete. A head whose caller is within its share stands where
/// runs_before() puts it. One that has waited for another of its own, or whose caller is ahead of
/// its share, stands where its turn would come, and behind the others of that step of kAgeing. That
/// is told by virtual time, as in start-time fair queueing (Goyal, Vin, Cheng 1996). Jobs have no
/// caller and are never ahead. One whose tasks are many times as dear as others' has half of the
/// servers at most at a time, since none can be taken from it before it is done.
///
/// push() and pop() are O(log n). Not for two threads at once; a value, so that what would come of
/// it can be tried on a copy. push() and prepare() alone need memory; where they throw
/// std::bad_alloc, nothing has changed.
class FairQueue {
 public:
  using Time = Task::Time;
  using Wait = std::chrono::nanoseconds;

  /// @param servers how many of what is waited for there are: workers, or a gate's limit
  explicit FairQueue(unsigned servers);

  [[nodiscard]] bool empty() const { return size_ == 0; }
  /// Whether one can be taken. Not so if all that wait are of callers who have their servers.
  [[nodiscard]] bool ready() const { return !order_.empty(); }
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Callers of whom account is kept: those that wait, and 1,024 more at most.
  [[nodiscard]] std::size_t callers() const { return index_.size(); }
  /// Makes room for a task: a push() of it that follows at once does not throw.
  void prepare(const Task& task);
  /// @param now not before that of any call before; likewise for the others
  void push(Task task, Time now);
  /// Takes the one whose turn it is; there must be one that is ready(). Its caller pays what its
  /// tasks have cost of late.
  Task pop(Time now);
  /// Told how long a request that was taken has kept its server, which is free again: its caller
  /// pays, or gets back, the difference.
  void worked(const wire::PublicKey& caller, const Task::Charged& charged, Wait time, Time now);
  /// Takes out every task of which `over` holds. O(n). @return how many
  template <class Over>
  std::size_t remove_if(Over over, Time now) {
    std::size_t removed = 0;
    for (std::uint32_t i = 0; i < lines_.size(); ++i) {
      auto& line = lines_[i];
      const auto gone = line.tasks.remove_if([&](const Task& task) {
        if (!over(task)) return false;
        count(line, task, -1);
        return true;
      });
      if (gone != 0) settle(i, now);
      removed += gone;
    }
    return removed;
  }
  /// Drops all requests. Jobs stay.
  void drop_requests(Time now) {
    remove_if([](const Task& task) { return task.id != 0; }, now);
  }

  /// A weight that can be reckoned with: 0.01 to 100.
  static double sane(double weight);
  /// Weights of the callers that have something waiting.
  [[nodiscard]] double weight() const { return weight_; }
  /// Requests of a caller that wait and might be displaced: a gate's leave is not given up.
  [[nodiscard]] std::size_t displaceable(const wire::PublicKey& caller) const;
  /// Takes the last task of whoever holds most for its weight, if that is more than `per_weight`
  /// tasks for each unit of weight, and more than one. O(n). @return false if nobody does
  bool displace(double per_weight, Task& out, Time now);

  /// Whether a task that were pushed now could not be taken before its deadline, however soon. Says
  /// no as long as the pace of the present backlog is not known. O(1) if the whole backlog is short
  /// enough, else O(n). @return the wait that is to be expected, if so
  [[nodiscard]] std::optional<Wait> too_late(const Task& task, Time now) const;
  /// Until all that waits now has been taken; 0 if that cannot be told.
  [[nodiscard]] Wait backlog() const;

 private:
  /// Where the head of a line stands among the heads.
  struct Rank {
    std::int64_t step = 0;  // of kAgeing
    bool ahead = false;     // of its share, or has waited for its own
    Time deadline;          // those within their share; else max()
    double start = 0;       // those ahead of it, in virtual time; else 0
    std::uint64_t sequence = 0;
    bool operator<(const Rank& other) const;
  };
  struct Line {
    wire::PublicKey caller{};
    double weight = 1;
    double start = 0;  // virtual time at which its next task is due
    double cost = 1;   // of a task of its of late; 1 is a task of anybody's
    TaskHeap tasks;
    std::uint32_t gated = 0;  // of the tasks: not to be displaced
    std::uint32_t low = 0;    // of the tasks: with a priority below 0
    std::uint32_t busy = 0;   // servers that have one of its
    Rank rank;                // of its head
    std::uint32_t at = 0;     // in order_
    bool follows = false;     // its head has waited for another one of its own
    bool competes = false;    // is in order_
    bool pauses = false;      // has tasks, and servers enough
    bool kept = false;        // is among the idle ones
    std::uint32_t next = 0;   // idle one, if so
  };
  static constexpr std::uint32_t kJobs = 0;  // the line of those without a caller

  std::uint32_t line_for(const Task& task);
  std::uint32_t line_of(const wire::PublicKey& caller);
  [[nodiscard]] Rank rank_of(const Task& task, const Line& line, double weight, Time now) const;
  [[nodiscard]] bool is_ahead(const Line& line) const;
  [[nodiscard]] double ahead_of(const Task& task, Time now) const;
  [[nodiscard]] double takeable_before(Time deadline, Time now) const;
  [[nodiscard]] double due_before(const Line& other, const Line& line, double own) const;
  void charge(Line& line, double cost);
  void settle(std::uint32_t index, Time now);
  [[nodiscard]] bool has_servers_enough(const Line& line) const;
  void withdraw(std::uint32_t index);
  void retire(std::uint32_t index);
  void keep(std::uint32_t index);
  void forget_longest();
  void start_anew();
  void count(Line& line, const Task& task, int by);
  void measure(Time now);
  // A heap of the lines that compete, which know where they are in it.
  void sift_up(std::size_t at);
  void sift_down(std::size_t at);
  void put(std::size_t at, std::uint32_t index);

  const std::int64_t servers_;
  std::vector<Line> lines_;
  std::vector<std::uint32_t> free_;   // of lines_
  std::vector<std::uint32_t> order_;  // those with tasks; the first is next
  // Those without, roughly by how long: a list through lines_, which needs no memory of its own.
  std::uint32_t idle_first_ = 0;
  std::uint32_t idle_last_ = 0;
  std::size_t idle_ = 0;
  std::unordered_map<wire::PublicKey, std::uint32_t, wire::KeyHash> index_;
  std::size_t size_ = 0;
  double weight_ = 0;  // of the lines that compete
  double virtual_ = 0;
  double furthest_ = 0;  // the latest start that a line was given
  double mean_ = 0;      // ns that a task keeps its server
  double worked_ = 0;    // of how many
  std::uint64_t backlogs_ = 0;

  double interval_ = 0;        // ns between two takes while a backlog lasts
  std::int64_t samples_;       // in it, of this backlog; the first ones only fill the servers
  std::optional<Time> taken_;  // when the last one was taken, if it left a backlog
};

}  // namespace dojo::request
