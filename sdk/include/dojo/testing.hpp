// A host for a plugin's own tests: calls handlers through the plugin's entry, as dojo-host does,
// but in the test's process and without a network. Link the plugin's source into the test:
//
//   dojo::testing::Host host(dojo_plugin_entry, R"({"greeting":"Hi"})");
//   auto answer = host.call("Greet", R"({"name":"Ada"})");
//   assert(answer.status == 200 && answer.body == R"({"text":"Hi, Ada!"})");
//
// Signatures, compression, and limits on numbers and sizes are dojo-host's, and not looked at here.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <dojo/model.hpp>
#include <dojo/plugin.h>
#include <dojo/result.hpp>

namespace dojo::testing {

/// Who asks, and how long the answer is waited for.
struct Caller {
  std::string hotkey = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
  std::string dialect = "dojo/1";
  std::string peer = "127.0.0.1";
  std::string request_id = "test";
  std::chrono::milliseconds deadline{10'000};
  bool gone = false;  ///< Context::cancelled() is true from the beginning
};

/// What a caller of dojo-host would be answered.
struct Answer {
  int status = 0;          ///< 504: there was none before the deadline
  std::string body{};      ///< JSON
  std::string error{};     ///< for 500 the reason, which dojo-host only tells its log
  std::string metadata{};  ///< JSON
  int priority = 0;        ///< what the route's hook said of the request

  /// @throws std::runtime_error if the body is no such model
  template <Model T>
  [[nodiscard]] T as() const {
    auto model = from_json<T>(body);
    if (!model) throw std::runtime_error(model.error().message + ", in " + body);
    return std::move(*model);
  }
};

/// One plugin, from create() to destroy(). Its own calls may come from any thread; those of the
/// test from one.
class Host {
 public:
  /// Creates the plugin, hands `state` over if there is one, and starts it.
  /// @param config [plugins.<name>], as JSON @param state what save() of another Host returned
  /// @throws std::runtime_error with the plugin's reason
  explicit Host(const dojo_plugin_entry_v1& entry, std::string_view config = "{}",
                const std::optional<std::string>& state = std::nullopt) {
    fill_tables();
    must("create",
         [&](dojo_error* error) { return entry.create(&host_, span(config), &plugin_, error); });
    try {
      if (state) restore(*state);
      must("start", [&](dojo_error* error) { return plugin_->start(plugin_->self, error); });
    } catch (...) {
      plugin_->destroy(plugin_->self);
      throw;
    }
  }
  ~Host() {
    plugin_->stop(plugin_->self);
    for (const auto& job : take_jobs()) job.run(job.data, 1);
    plugin_->destroy(plugin_->self);
  }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  /// Asks a route: its hooks first, then its handler. Work that the plugin posts meanwhile runs on
  /// this thread.
  /// @param body JSON, or not, as a test likes it
  Answer call(std::string_view route, std::string_view body, Caller caller = {}) {
    const auto index = find(route);
    if (!index) return {.status = 404, .error = "no route " + std::string(route)};
    auto& asked = open(*index, body, std::move(caller));
    const auto [refused, priority] = ask_hooks(*index, asked.request);
    if (refused) {
      close(asked);
      return *refused;
    }
    const auto id = next_id_++;
    {
      const std::lock_guard lock(mutex_);
      asked.request.id = id;
      by_id_[id] = &asked;
    }
    const auto handed = asked.request;  // ends with the call, as the ABI has it
    if (plugin_->handle(plugin_->self, &handed) != DOJO_OK) {
      const std::lock_guard lock(mutex_);
      by_id_.erase(id);
      return {.status = 500, .error = "handle() did not take the request", .priority = priority};
    }
    auto answer = wait(asked);
    answer.priority = priority;
    return answer;
  }

  /// Runs what the plugin has posted, and what that posts in turn.
  void run_posted() {
    for (auto jobs = take_jobs(); !jobs.empty(); jobs = take_jobs()) {
      for (const auto& job : jobs) job.run(job.data, 0);
    }
  }

  /// dojo.state/1 @return nothing if the plugin hands nothing over
  /// @throws std::runtime_error with the plugin's reason
  std::optional<std::string> save() {
    const auto* const table = extension<dojo_state_v1>(DOJO_EXT_STATE);
    if (table == nullptr) return std::nullopt;
    std::string state;
    const auto write = [](void* context, dojo_span bytes) {
      static_cast<std::string*>(context)->append(view(bytes));
    };
    const auto [code, reason] =
        told([&](dojo_error* error) { return table->save(plugin_->self, write, &state, error); });
    if (code == DOJO_UNKNOWN) return std::nullopt;
    if (code != DOJO_OK) throw std::runtime_error("save: " + reason);
    return state;
  }
  /// dojo.health/1; good if the plugin has none.
  Status health() {
    const auto* const table = extension<dojo_health_v1>(DOJO_EXT_HEALTH);
    return table == nullptr
               ? Status()
               : checked([&](dojo_error* error) { return table->check(plugin_->self, error); });
  }
  /// dojo.selftest/1; good if the plugin has none.
  Status selftest() {
    const auto* const table = extension<dojo_selftest_v1>(DOJO_EXT_SELFTEST);
    return table == nullptr
               ? Status()
               : checked([&](dojo_error* error) { return table->run(plugin_->self, error); });
  }

  /// What the plugin has logged, and counted or observed under a name.
  [[nodiscard]] std::vector<std::string> lines() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  [[nodiscard]] double counted(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return counters_[name];
  }
  [[nodiscard]] std::vector<double> observed(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return histograms_[name];
  }

 private:
  struct Asked {
    Caller caller;
    std::unique_ptr<char[]> body;
    dojo_request request{};
    std::optional<Answer> answer;
  };
  struct Job {
    void (*run)(void* data, std::int32_t cancelled) = nullptr;
    void* data = nullptr;
  };

  static std::string_view view(dojo_span span) {
    return span.size == 0 ? std::string_view() : std::string_view(span.data, span.size);
  }
  static dojo_span span(std::string_view text) { return {text.data(), text.size()}; }
  static Host& of(void* self) { return *static_cast<Host*>(self); }
  static std::uint64_t now() {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                          std::chrono::steady_clock::now().time_since_epoch())
                                          .count());
  }

  void fill_tables() {
    executor_.struct_size = sizeof executor_;
    executor_.post = [](void* self, void (*run)(void*, std::int32_t), void* data) -> std::int32_t {
      const std::lock_guard lock(of(self).mutex_);
      of(self).jobs_.push_back({run, data});
      of(self).news_.notify_all();
      return DOJO_OK;
    };
    host_.struct_size = sizeof host_;
    host_.abi_major = DOJO_ABI_MAJOR;
    host_.abi_minor = DOJO_ABI_MINOR;
    host_.context = this;
    host_.complete = [](void* self, dojo_request_id id, const dojo_response* response) {
      const auto code = of(self).complete(id, response);
      if (response != nullptr && response->release != nullptr) {
        response->release(response->release_context);
      }
      return code;
    };
    host_.cancelled = [](void* self, dojo_request_id id) -> std::int32_t {
      const std::lock_guard lock(of(self).mutex_);
      const auto found = of(self).by_id_.find(id);
      if (found == of(self).by_id_.end()) return 1;
      const auto& asked = *found->second;
      return asked.caller.gone || now() >= asked.request.deadline_ns ? 1 : 0;
    };
    host_.now_ns = [](void*) { return now(); };
    host_.log = [](void* self, std::int32_t, dojo_request_id, dojo_span text) {
      const std::lock_guard lock(of(self).mutex_);
      of(self).lines_.emplace_back(view(text));
    };
    host_.count = [](void* self, dojo_span name, double amount) {
      const std::lock_guard lock(of(self).mutex_);
      of(self).counters_[std::string(view(name))] += amount;
    };
    host_.observe = [](void* self, dojo_span name, double value) {
      const std::lock_guard lock(of(self).mutex_);
      of(self).histograms_[std::string(view(name))].push_back(value);
    };
    host_.extension = [](void* self, const char* name) -> const void* {
      return std::string_view(name) == DOJO_EXT_EXECUTOR ? &of(self).executor_ : nullptr;
    };
  }

  std::int32_t complete(dojo_request_id id, const dojo_response* response) {
    const std::lock_guard lock(mutex_);
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) return DOJO_STALE;
    auto& asked = *found->second;
    by_id_.erase(found);
    news_.notify_all();
    if (now() >= asked.request.deadline_ns) {
      asked.answer = late();
      return DOJO_STALE;
    }
    asked.answer = answer_of(response);
    return asked.answer->status == 500 && response == nullptr ? DOJO_INVALID : DOJO_OK;
  }
  static Answer late() { return {.status = 504, .error = "no answer before the deadline"}; }
  static Answer answer_of(const dojo_response* response) {
    if (response == nullptr) return {.status = 500, .error = "there is no response"};
    Answer answer{.status = static_cast<int>(response->status),
                  .body = std::string(view(response->body)),
                  .error = std::string(view(response->error)),
                  .metadata = std::string(view(response->metadata))};
    if (response->status == DOJO_STATUS_FAILED) answer.status = 500;
    if (response->status == DOJO_STATUS_INVALID_BODY) answer.status = 400;
    if (answer.body.empty()) answer.body = "{}";
    if (answer.metadata.empty()) answer.metadata = "{}";
    return answer;
  }

  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view name) const {
    for (std::uint32_t i = 0; i < plugin_->route_count; ++i) {
      if (route(i).name == name) return i;
    }
    return std::nullopt;
  }
  [[nodiscard]] const dojo_route& route(std::uint32_t index) const {
    const auto* const first = reinterpret_cast<const char*>(plugin_->routes);
    return *reinterpret_cast<const dojo_route*>(first + index * plugin_->routes->struct_size);
  }

  /// A request that lives as long as this Host: a plugin may answer one long after its deadline.
  Asked& open(std::uint32_t route, std::string_view body, Caller caller) {
    auto& asked = *asked_.emplace_back(std::make_unique<Asked>());
    asked.caller = std::move(caller);
    asked.body = std::make_unique<char[]>(body.size() + DOJO_BODY_PADDING);
    if (!body.empty()) std::memcpy(asked.body.get(), body.data(), body.size());
    asked.request.struct_size = sizeof asked.request;
    asked.request.route = route;
    asked.request.body = {asked.body.get(), body.size()};
    asked.request.hotkey = span(asked.caller.hotkey);
    asked.request.dialect = span(asked.caller.dialect);
    asked.request.peer = span(asked.caller.peer);
    asked.request.trace = span(asked.caller.request_id);
    asked.request.deadline_ns =
        now() + static_cast<std::uint64_t>(std::chrono::nanoseconds(asked.caller.deadline).count());
    return asked;
  }
  void close(const Asked& asked) {
    std::erase_if(asked_, [&](const auto& one) { return one.get() == &asked; });
  }

  std::pair<std::optional<Answer>, int> ask_hooks(std::uint32_t index,
                                                  const dojo_request& request) {
    const auto& asked = route(index);
    for (const auto& [hook, status, prefix] :
         {std::tuple{asked.blacklist, 200, "Blacklisted: "}, std::tuple{asked.verify, 403, ""}}) {
      if (hook == nullptr) continue;
      const auto [code, reason] =
          told([&](dojo_error* error) { return hook(plugin_->self, &request, error); });
      if (code == DOJO_REFUSED) return {Answer{.status = status, .error = prefix + reason}, 0};
      if (code != DOJO_OK) return {Answer{.status = 500, .error = reason}, 0};
    }
    return {std::nullopt, asked.priority == nullptr ? 0 : asked.priority(plugin_->self, &request)};
  }

  Answer wait(Asked& asked) {
    const auto until = std::chrono::steady_clock::now() + asked.caller.deadline;
    std::unique_lock lock(mutex_);
    for (;;) {
      news_.wait_until(lock, until, [&] { return asked.answer || !jobs_.empty(); });
      if (asked.answer) {
        const auto answer = std::move(*asked.answer);
        lock.unlock();
        close(asked);
        return answer;
      }
      if (jobs_.empty()) break;
      lock.unlock();
      run_posted();
      lock.lock();
    }
    by_id_.erase(asked.request.id);  // its spans stay: the plugin may still read them
    return late();
  }

  std::vector<Job> take_jobs() {
    const std::lock_guard lock(mutex_);
    return std::exchange(jobs_, {});
  }

  template <class Call>
  static std::pair<std::int32_t, std::string> told(Call call) {
    std::array<char, 4096> text{};
    dojo_error error{text.data(), text.size(), 0};
    const auto code = call(&error);
    return {code, std::string(text.data(), std::min(error.size, text.size()))};
  }
  template <class Call>
  static void must(const char* what, Call call) {
    const auto [code, reason] = told(call);
    if (code != DOJO_OK) throw std::runtime_error(std::string(what) + ": " + reason);
  }
  template <class Call>
  static Status checked(Call call) {
    auto [code, reason] = told(call);
    if (code == DOJO_OK || code == DOJO_UNKNOWN) return {};
    return fail(std::move(reason));
  }
  template <class Table>
  [[nodiscard]] const Table* extension(const char* name) const {
    if (plugin_->extension == nullptr) return nullptr;
    return static_cast<const Table*>(plugin_->extension(plugin_->self, name));
  }
  void restore(std::string_view state) {
    const auto* const table = extension<dojo_state_v1>(DOJO_EXT_STATE);
    if (table == nullptr) throw std::runtime_error("restore: the plugin takes no state");
    must("restore",
         [&](dojo_error* error) { return table->restore(plugin_->self, span(state), error); });
  }

  dojo_host host_{};
  dojo_executor_v1 executor_{};
  const dojo_plugin* plugin_ = nullptr;
  dojo_request_id next_id_ = 1;
  std::mutex mutex_;
  std::condition_variable news_;
  std::vector<std::unique_ptr<Asked>> asked_;
  std::map<dojo_request_id, Asked*> by_id_;
  std::vector<Job> jobs_;
  std::vector<std::string> lines_;
  std::map<std::string, double> counters_;
  std::map<std::string, std::vector<double>> histograms_;
};

}  // namespace dojo::testing
