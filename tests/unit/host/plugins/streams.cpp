// Answers in chunks: as a coroutine, and by a thread of the plugin's own.
#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

#include <dojo/plugin.hpp>

namespace {

struct Count {
  int to = 0;
  int bytes = 0;  // of text in each chunk
  std::optional<int> fails_at;
};
DOJO_MODEL(Count, to, DOJO_DEFAULT(bytes), fails_at)
struct Written {
  int to = 0;
};
DOJO_MODEL(Written, to)
struct Stalled {};
DOJO_MODEL(Stalled)
struct Ask {};
DOJO_MODEL(Ask)
struct Number {
  int n = 0;
  std::string text;
};
DOJO_MODEL(Number, n, text)
struct Facts {
  int streams = 0;  // that have not ended
  int process = 0;
};
DOJO_MODEL(Facts, streams, process)

class Streams {
 public:
  dojo::Stream<Number> count(Count request) {
    const Open open(*this);
    for (int n = 1; n <= request.to; ++n) {
      if (n == request.fails_at) throw std::runtime_error("it cannot go on");
      const Number number{n, std::string(static_cast<std::size_t>(request.bytes), 'x')};
      co_yield number;
    }
  }
  void write(dojo::Context&, Written request, dojo::Writer<Number> writer) {
    const std::lock_guard lock(mutex_);
    threads_.emplace_back([this, request, writer = std::move(writer)]() mutable {
      const Open open(*this);
      for (int n = 1; n <= request.to; ++n) {
        if (!writer.write({n, {}})) return;
      }
      writer.end();
    });
  }
  /// Gives its first chunk, and the next one when nobody waits any more.
  dojo::Stream<Number> stall(dojo::Context& call, Stalled) {
    const Open open(*this);
    Number number{1, {}};
    co_yield number;
    while (!call.cancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ++number.n;
    co_yield number;
  }
  Facts facts(Ask) { return {open_, ::getpid()}; }
  void join() {
    for (auto& thread : threads_) thread.join();
  }

 private:
  struct Open {
    explicit Open(Streams& its) : streams(its) { ++streams.open_; }
    Open(const Open&) = delete;
    Open& operator=(const Open&) = delete;
    ~Open() { --streams.open_; }
    Streams& streams;
  };

  std::atomic<int> open_{0};
  std::mutex mutex_;
  std::vector<std::thread> threads_;
};

}  // namespace

DOJO_PLUGIN("streams", "1.0.0", dojo::object<Streams>(), dojo::stream(&Streams::count),
            dojo::stream(&Streams::write), dojo::stream(&Streams::stall),
            dojo::handle(&Streams::facts), dojo::on_stop(&Streams::join))
