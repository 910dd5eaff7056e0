// What it costs to wait: a task pushed and taken again, callers sharing one worker.
#include <atomic>
#include <memory>
#include <semaphore>

#include <benchmark/benchmark.h>

#include "request/executor.hpp"

namespace {

using namespace dojo::request;

Task task_of(std::uint32_t caller, std::uint64_t id) {
  Task task;
  task.id = id;
  task.caller[0] = static_cast<std::uint8_t>(caller);
  task.caller[1] = static_cast<std::uint8_t>(caller >> 8);
  task.arrived = std::chrono::steady_clock::now();
  task.deadline = task.arrived + std::chrono::hours(1);
  return task;
}

/// One worker that is held up by the first task until the queue has been filled.
void push_and_take(benchmark::State& state) {
  const auto callers = static_cast<std::uint32_t>(state.range(0));
  const auto tasks = static_cast<std::uint64_t>(state.range(1));
  std::counting_semaphore<> begun(0);
  std::counting_semaphore<> go(0);
  std::atomic<std::uint64_t> ran = 0;
  std::counting_semaphore<> done(0);
  Executor::Options options;
  options.capacity = tasks + 1;
  options.run = [&](Executor&, Task&& task, unsigned) {
    if (task.id == 1) {
      begun.release();
      go.acquire();
    } else if (++ran == tasks) {
      done.release();
    }
  };
  Executor executor(std::move(options));
  for (auto _ : state) {
    ran = 0;
    if (!executor.push(task_of(0, 1))) state.SkipWithError("refused");
    begun.acquire();
    for (std::uint64_t i = 0; i < tasks; ++i) {
      const auto caller = static_cast<std::uint32_t>(i % callers);
      if (!executor.push(task_of(caller, i + 2))) state.SkipWithError("refused");
    }
    go.release();
    done.acquire();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(tasks));
}
BENCHMARK(push_and_take)
    ->Args({1, 16})
    ->Args({1, 1'000})
    ->Args({100, 1'000})
    ->Args({1'000, 1'000})
    ->UseRealTime();

}  // namespace
