// What the host's tests share: a log that is read back, callers that wait, plugins that misbehave.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <unistd.h>

#include <dojo/model.hpp>

#include "base/log.hpp"
#include "plugins/run/in_process.hpp"
#include "plugins/run/roster.hpp"
#include "request/crew.hpp"
#include "request/exchange.hpp"
#include "where.hpp"

namespace dojo::test {

using namespace std::chrono_literals;

/// Waits for a condition instead of for a time. @return false if it does not come
inline bool eventually(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

inline std::filesystem::path plugin(const std::string& name) {
  return std::filesystem::path(test::where::kPlugins) / (name + ".so");
}

/// A log whose lines are read back.
class Lines {
 public:
  explicit Lines(base::LogFormat format = base::LogFormat::text)
      : sink_(std::make_shared<Sink>()), log_(logger(sink_), format) {}
  [[nodiscard]] const base::Log& log() const { return log_; }
  [[nodiscard]] std::string text() const { return sink_->text(); }
  [[nodiscard]] bool has(std::string_view part) const {
    return text().find(part) != std::string::npos;
  }
  [[nodiscard]] std::size_t count(std::string_view part) const {
    std::size_t found = 0;
    const auto all = text();
    for (auto at = all.find(part); at != std::string::npos; at = all.find(part, at + 1)) ++found;
    return found;
  }

 private:
  class Sink : public spdlog::sinks::base_sink<std::mutex> {
   public:
    std::string text() {
      const std::lock_guard lock(mutex_);
      return text_;
    }

   protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
      spdlog::memory_buf_t line;
      formatter_->format(message, line);
      text_.append(line.data(), line.size());
    }
    void flush_() override {}

   private:
    std::string text_;
  };
  static std::shared_ptr<spdlog::logger> logger(std::shared_ptr<Sink> sink) {
    auto made = std::make_shared<spdlog::logger>("test", std::move(sink));
    made->set_level(spdlog::level::debug);
    return made;
  }
  std::shared_ptr<Sink> sink_;
  base::Log log_;
};

struct Answer {
  int status = 0;
  Code code = Code::internal;
  std::string headers;  ///< as lines
  std::string body;
};

inline std::string header_of(const Answer& answer, std::string_view name) {
  const auto begin = answer.headers.find(std::string(name) + ": ");
  if (begin == std::string::npos) return {};
  const auto value = begin + name.size() + 2;
  return answer.headers.substr(value, answer.headers.find('\r', value) - value);
}

inline Answer answer_of(const net::Response& response) {
  Answer answer{response.status, Code::internal, std::string(response.headers.text()),
                response.body};
  const auto word = header_of(answer, "x-dojo-code");
  for (std::size_t i = 0; i < kCodeWords.size(); ++i) {
    if (kCodeWords[i] == word) answer.code = static_cast<Code>(i);
  }
  return answer;
}

/// Where answers arrive: a reactor, as far as an exchange can tell. It is made to keep deadlines by
/// asking for the answer.
class Inbox {
 public:
  /// Who is told of deadlines, and of callers who have gone.
  template <class Keeper>
  explicit Inbox(Keeper& keeper)
      : on_deadline_([&keeper](auto& exchange) { keeper.on_deadline(exchange); }),
        on_gone_([&keeper](auto& exchange) { keeper.on_gone(exchange); }) {}

  /// An exchange whose answer arrives here.
  request::ExchangePtr exchange() {
    request::ExchangePtr made(new request::Exchange);
    made->open(outlet_);
    if (gone_) made->hang_up();
    exchanges_.push_back(made);
    return made;
  }
  /// The answer, waited for.
  Answer answer() {
    const auto patience = std::chrono::steady_clock::now() + 20s;
    std::unique_lock lock(outlet_->mutex);
    while (!outlet_->answer) {
      const auto now = std::chrono::steady_clock::now();
      if (now > patience) {
        ADD_FAILURE() << "no answer came";
        return {};
      }
      lock.unlock();
      keep_deadlines(now);
      lock.lock();
      if (outlet_->answer) break;
      outlet_->come.wait_for(lock, 5ms);
    }
    return answer_of(*outlet_->answer);
  }
  void keep_deadlines(std::chrono::steady_clock::time_point now) {
    for (auto& exchange : exchanges_) {
      if (exchange->deadline <= now && !exchange->answered()) on_deadline_(*exchange);
    }
  }
  bool answered() {
    const std::lock_guard lock(outlet_->mutex);
    return outlet_->answer.has_value();
  }
  int answers() {
    const std::lock_guard lock(outlet_->mutex);
    return outlet_->answers;
  }
  /// The thread that has answered.
  std::thread::id answered_by() {
    const std::lock_guard lock(outlet_->mutex);
    return outlet_->answered_by;
  }
  /// The caller hangs up.
  void abandon() {
    gone_ = true;
    for (auto& exchange : exchanges_) {
      exchange->hang_up();
      if (!exchange->answered()) on_gone_(*exchange);
    }
  }

 private:
  struct Outlet final : net::Outlet {
    void ring(net::ExchangePtr /*exchange*/) noexcept override {}
    std::mutex mutex;
    std::condition_variable come;
    std::optional<net::Response> answer;
    int answers = 0;
    std::thread::id answered_by;
    void post(net::ExchangePtr exchange) noexcept override {
      const std::lock_guard lock(mutex);
      ++answers;
      answered_by = std::this_thread::get_id();
      answer = std::move(exchange->response());  // without memory, as it has to be
      come.notify_all();
    }
  };

  std::shared_ptr<Outlet> outlet_ = std::make_shared<Outlet>();
  std::function<void(request::Exchange&)> on_deadline_;
  std::function<void(request::Exchange&)> on_gone_;
  std::vector<request::ExchangePtr> exchanges_;
  bool gone_ = false;
};

inline plugins::Blueprint blueprint(const std::filesystem::path& file,
                                    const std::string& config = "{}", unsigned workers = 4) {
  static std::atomic<std::uint64_t> numbers{0};
  plugins::Blueprint made;
  made.file = file;
  made.number = ++numbers;
  made.config = config;
  made.workers = workers;
  return made;
}

/// A generation in this process, loaded.
inline std::shared_ptr<plugins::Generation> load(const std::string& name,
                                                 plugins::Services& services,
                                                 const std::string& config = "{}") {
  auto generation = std::make_shared<plugins::InProcess>(blueprint(plugin(name), config), services);
  if (auto status = generation->load(); !status) throw std::runtime_error(status.error().message);
  return generation;
}

/// The services of a host that does nothing.
class NoServices : public plugins::Services {
 public:
  std::int32_t complete(const plugins::Generation&, dojo_request_id,
                        const dojo_response&) noexcept override {
    return DOJO_STALE;
  }
  std::int32_t write(const plugins::Generation&, dojo_request_id,
                     std::string_view) noexcept override {
    return DOJO_STALE;
  }
  void await_room(const plugins::Generation&, dojo_request_id) noexcept override {}
  bool cancelled(const plugins::Generation&, dojo_request_id) noexcept override { return false; }
  void log(const plugins::Generation&, std::int32_t, dojo_request_id,
           std::string_view) noexcept override {}
  void count(const plugins::Generation&, std::string_view, double) noexcept override {}
  void observe(const plugins::Generation&, std::string_view, double) noexcept override {}
  bool post(const plugins::Generation&, plugins::Job) noexcept override { return false; }
};

/// A file that nobody else has loaded.
inline std::filesystem::path own_copy(const std::string& name) {
  static std::atomic<int> copies{0};
  const auto copy = std::filesystem::path(testing::TempDir()) /
                    (name + std::to_string(getpid()) + "-" + std::to_string(++copies) + ".so");
  std::filesystem::copy_file(plugin(name), copy, std::filesystem::copy_options::overwrite_existing);
  return copy;
}

/// A generation in this process that serves, until it is ended.
class Served {
 public:
  Served(plugins::Roster& roster, plugins::Services& services, const std::string& name,
         const std::string& config = "{}", unsigned workers = 4)
      : roster_(roster),
        generation_(std::make_shared<plugins::InProcess>(blueprint(own_copy(name), config, workers),
                                                         services)) {
    EXPECT_TRUE(roster_.prepare(generation_));
    auto status = generation_->load();
    if (status) status = roster_.activate(*generation_, nullptr);
    if (status) return;
    end();
    throw std::runtime_error(status.error().message);
  }
  ~Served() { end(); }
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;

  plugins::Generation& operator*() const { return *generation_; }
  /// Requests are cancelled at once, and workers waited for.
  void end() {
    if (std::exchange(ended_, true)) return;
    roster_.deactivate(*generation_);
    EXPECT_TRUE(roster_.retire(*generation_, 0ms, 100ms) || roster_.retire(*generation_, 0ms, 20s));
    const auto ending = generation_->end(20s);
    EXPECT_TRUE(ending.unloaded) << ending.why;
    std::filesystem::remove(generation_->blueprint().file);
    roster_.forget(*generation_);
  }

 private:
  plugins::Roster& roster_;
  std::shared_ptr<plugins::InProcess> generation_;
  bool ended_ = false;
};

/// A crew whose workers drop what they are given.
inline std::shared_ptr<request::Crew> crew(std::shared_ptr<plugins::Generation> generation) {
  request::Executor::Options options;
  options.run = [](request::Executor&, request::Task&&, unsigned) {};
  return std::make_shared<request::Crew>(std::move(generation), std::move(options));
}

}  // namespace dojo::test
