// A host for a plugin's own tests: calls handlers through the plugin's entry, as dojo-host does,
// but in the test's process and without a network. Link the plugin's source into the test:
//
//   dojo::testing::Host host(dojo_plugin_entry, R"({"greeting":"Hi"})");
//   auto answer = host.call("Greet", R"({"name":"Ada"})");
//   assert(answer.status == 200 && answer.body == R"({"text":"Hi, Ada!"})");
//
// It refuses of a plugin what dojo-host refuses: its tables, names and routes, its answers' status
// and JSON, its metrics' names and values. Signatures, compression, and limits on sizes and on what
// waits are dojo-host's, and not looked at here.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <functional>
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

#include <dojo/chunk.hpp>
#include <dojo/model.hpp>
#include <dojo/names.hpp>
#include <dojo/plugin.h>
#include <dojo/result.hpp>

namespace dojo::testing {

/// Who asks, and how long the answer is waited for.
struct Caller {
  std::string hotkey = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
  std::string dialect = "dojo/1";
  std::string peer = "127.0.0.1";
  std::string request_id = "test";
  std::string method = "POST";
  std::string target{};  ///< empty: the route's path
  std::string fields{};  ///< header fields, "name: value\r\n" for each
  std::optional<std::uint16_t> uid{};
  double stake = 0;
  bool validator_permit = false;
  std::optional<std::chrono::milliseconds> deadline{};  ///< nothing: the route's own, or 10 s
  bool gone = false;     ///< Context::cancelled() is true from the beginning
  std::size_t room = 0;  ///< of a stream: chunks until its writer has to wait; 0: it never has to
  bool stays = false;    ///< of a stream: reads no more than that, and stays
  std::optional<std::size_t> leaves_after{};  ///< of a stream: chunks; the next one nobody reads
};

/// What a caller of dojo-host would be answered, but for 500.
struct Answer {
  /// 504: there was none before the deadline. 500: the handler failed, of which a caller of
  /// dojo-host is told 200 with an error.
  int status = 0;
  std::string body{};                 ///< JSON; of a raw route any bytes
  std::string error{};                ///< for 500 the reason, which dojo-host tells its log alone
  std::string metadata{};             ///< JSON
  std::string fields{};               ///< of a raw route: its header fields, as it gives them
  int priority = 0;                   ///< what the route's hook said of the request
  std::vector<std::string> chunks{};  ///< of a stream, JSON each
  bool whole = true;  ///< false: a stream that broke off after its first chunk; `error` says why

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
  /// Creates the plugin, hands `state` over if there is one, starts it, and asks its health.
  /// @param config [plugins.<name>], as a JSON object @param state what save() of another Host
  /// returned
  /// @throws std::runtime_error with the plugin's reason, or with what dojo-host would refuse
  explicit Host(const dojo_plugin_entry_v1& entry, std::string_view config = "{}",
                const std::optional<std::string>& state = std::nullopt) {
    if (const auto fault = fault_of_object(config)) throw std::runtime_error("config: " + *fault);
    check_entry(entry);
    fill_tables();
    must("create",
         [&](dojo_error* error) { return entry.create(&host_, span(config), &plugin_, error); });
    check_table();
    bool started = false;
    try {
      check_routes();
      if (state) restore(*state);
      must("start", [&](dojo_error* error) { return plugin_->start(plugin_->self, error); });
      started = true;
      if (const auto well = health(); !well) {
        throw std::runtime_error("health check: " + well.error().message);
      }
    } catch (...) {
      end(started);
      throw;
    }
  }
  ~Host() { end(true); }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  /// Asks a route: its hooks first, then its handler. Work that the plugin posts meanwhile runs on
  /// this thread.
  /// @param body JSON, or not, as a test likes it
  Answer call(std::string_view route, std::string_view body, Caller caller = {}) {
    const auto index = find(route);
    if (!index) {
      return {
          .status = 404, .body = "{}", .error = "no route " + std::string(route), .metadata = "{}"};
    }
    if (!takes_method(methods_of(*index), caller.method)) {
      return {.status = 405,
              .body = "{}",
              .error = std::string(route) + " does not take " + caller.method,
              .metadata = "{}"};
    }
    if (caller.target.empty()) caller.target = path_of(*index);
    if (!caller.deadline) caller.deadline = deadline_of(*index);
    auto& asked = open(*index, body, std::move(caller));
    const auto id = next_id_++;
    asked.request.call = id;
    const auto [refused, priority] = ask_hooks(*index, asked.request);
    if (refused) {
      close(asked);
      return *refused;
    }
    {
      const std::lock_guard lock(mutex_);
      asked.request.id = id;
      by_id_[id] = &asked;
    }
    const auto handed = asked.request;  // ends with the call, as the ABI has it
    const auto taken = kept([&] { return plugin_->handle(plugin_->self, &handed); });
    if (taken != DOJO_OK) {
      const std::lock_guard lock(mutex_);
      if (by_id_.erase(id) != 0) {  // else it has been answered all the same
        asked.answer = failed("handle returned " + std::to_string(taken));
      }
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
    if (table == nullptr || table->save == nullptr) return std::nullopt;
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
    return table == nullptr || table->check == nullptr
               ? Status()
               : checked([&](dojo_error* error) { return table->check(plugin_->self, error); });
  }
  /// dojo.selftest/1; good if the plugin has none.
  Status selftest() {
    const auto* const table = extension<dojo_selftest_v1>(DOJO_EXT_SELFTEST);
    return table == nullptr || table->run == nullptr
               ? Status()
               : checked([&](dojo_error* error) { return table->run(plugin_->self, error); });
  }

  /// What the plugin has logged, and counted or observed under a name; without what dojo-host
  /// drops.
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
    std::vector<std::string> chunks{};
    std::size_t unread = 0;  // of those
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
      if (run == nullptr) return DOJO_INVALID;
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
      if (id == 0) return 0;
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
      if (amount < 0 || !of(self).takes_metric(view(name), amount, Metric::counter)) return;
      of(self).counters_[std::string(view(name))] += amount;
    };
    host_.observe = [](void* self, dojo_span name, double value) {
      const std::lock_guard lock(of(self).mutex_);
      if (!of(self).takes_metric(view(name), value, Metric::histogram)) return;
      of(self).histograms_[std::string(view(name))].push_back(value);
    };
    host_.write = [](void* self, dojo_request_id id, dojo_span chunk) {
      return of(self).write(id, view(chunk));
    };
    host_.extension = [](void* self, const char* name) -> const void* {
      return std::string_view(name) == DOJO_EXT_EXECUTOR ? &of(self).executor_ : nullptr;
    };
  }

  enum class Metric { counter, histogram };
  static constexpr std::size_t kMostMetrics = 64;
  static constexpr int kPriorities = 1000;  // to either side of 0
  static constexpr std::chrono::milliseconds kDeadline{10'000};

  std::int32_t write(dojo_request_id id, std::string_view chunk) {
    const std::lock_guard lock(mutex_);
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) return DOJO_STALE;
    auto& asked = *found->second;
    const bool streams = (route(asked.request.route).flags & DOJO_ROUTE_STREAM) != 0;
    if (!streams || fault_of_chunk(chunk)) return DOJO_INVALID;
    const bool late = asked.chunks.empty() && now() >= asked.request.deadline_ns;
    const auto& caller = asked.caller;
    if (late || caller.gone || asked.chunks.size() == caller.leaves_after) return DOJO_STALE;
    if (caller.room != 0 && asked.unread == caller.room) {
      if (!caller.stays) full_.push_back(id);
      news_.notify_all();
      return DOJO_FULL;
    }
    asked.chunks.emplace_back(chunk);
    ++asked.unread;
    news_.notify_all();
    return DOJO_OK;
  }
  /// There is room again for those who were told that there is none.
  void resume_full(std::unique_lock<std::mutex>& lock) {
    for (const auto id : std::exchange(full_, {})) {
      if (const auto found = by_id_.find(id); found != by_id_.end()) found->second->unread = 0;
      lock.unlock();
      plugin_->resume(plugin_->self, id);
      lock.lock();
    }
  }

  std::int32_t complete(dojo_request_id id, const dojo_response* response) {
    const std::lock_guard lock(mutex_);
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) return DOJO_STALE;
    auto& asked = *found->second;
    by_id_.erase(found);
    news_.notify_all();
    if (!asked.chunks.empty()) {
      const bool whole = response != nullptr && response->status == 200;
      asked.answer = {
          .status = 200,
          .error = whole || response == nullptr ? "" : std::string(view(response->error)),
          .chunks = std::move(asked.chunks),
          .whole = whole};
      return DOJO_OK;
    }
    if (now() >= asked.request.deadline_ns) {
      asked.answer = late();
      return DOJO_STALE;
    }
    const bool raw = (route(asked.request.route).flags & DOJO_ROUTE_RAW) != 0;
    if (const auto fault = fault_of(response, raw)) {
      asked.answer = failed(*fault);
      return DOJO_INVALID;
    }
    asked.answer = answer_of(*response, raw);
    return DOJO_OK;
  }
  static Answer late() {
    return {
        .status = 504, .body = "{}", .error = "no answer before the deadline", .metadata = "{}"};
  }
  static Answer failed(std::string reason) {
    return {.status = 500, .body = "{}", .error = std::move(reason), .metadata = "{}"};
  }
  /// Why a response cannot be sent, if so.
  static std::optional<std::string> fault_of(const dojo_response* response, bool raw) {
    if (response == nullptr || response->struct_size < sizeof *response) {
      return "it answered with no response";
    }
    const auto status = response->status;
    if (status != 200 && status != DOJO_STATUS_FAILED && status != DOJO_STATUS_INVALID_BODY &&
        status != DOJO_STATUS_TOO_LARGE && (status < (raw ? 200 : 400) || status > 599)) {
      return "it answered with status " + std::to_string(status);
    }
    if (raw) return std::nullopt;
    for (const auto& [what, text] :
         {std::pair{"body", view(response->body)}, {"metadata", view(response->metadata)}}) {
      if (text.empty()) continue;
      if (const auto fault = fault_of_object(text)) {
        return "the " + std::string(what) + " it answered with is " + *fault;
      }
    }
    return std::nullopt;
  }
  /// Why a text is no JSON object, if so.
  static std::optional<std::string> fault_of_object(std::string_view text) {
    if (const auto status = check_json(text); !status) return status.error().message;
    if (text[text.find_first_not_of(" \t\r\n")] != '{') return "no JSON object";
    return std::nullopt;
  }
  /// An error's body goes nowhere, nor do the metadata of a failure.
  static Answer answer_of(const dojo_response& response, bool raw) {
    const auto or_empty = [](dojo_span text) {
      return text.size == 0 ? std::string("{}") : std::string(view(text));
    };
    std::string error(view(response.error));
    if (raw && error.empty() && response.status >= 200) {
      return {.status = static_cast<int>(response.status),
              .body = std::string(view(response.body)),
              .fields = std::string(view(response.fields))};
    }
    if (response.status == 200) {
      return {
          .status = 200, .body = or_empty(response.body), .metadata = or_empty(response.metadata)};
    }
    if (response.status == DOJO_STATUS_FAILED) return failed(std::move(error));
    if (response.status == DOJO_STATUS_INVALID_BODY) {
      return {.status = 400, .body = "{}", .error = std::move(error), .metadata = "{}"};
    }
    if (response.status == DOJO_STATUS_TOO_LARGE) {
      return {.status = 413, .body = "{}", .error = std::move(error), .metadata = "{}"};
    }
    return {.status = static_cast<int>(response.status),
            .body = "{}",
            .error = std::move(error),
            .metadata = or_empty(response.metadata)};
  }

  static std::string_view text_of(const char* text) { return text == nullptr ? "" : text; }
  [[noreturn]] static void refuse(const std::string& why) { throw std::runtime_error(why); }

  static void check_entry(const dojo_plugin_entry_v1& entry) {
    if (entry.struct_size < sizeof entry || entry.create == nullptr) {
      refuse("its entry is too short or has no create()");
    }
    if (entry.abi_major != DOJO_ABI_MAJOR) {
      refuse("it was built for plugin ABI " + std::to_string(entry.abi_major) + ", not " +
             std::to_string(DOJO_ABI_MAJOR));
    }
    if (!is_plugin_name(text_of(entry.name))) {
      refuse("its name \"" + std::string(text_of(entry.name)) +
             "\" is not 1 to 64 letters, digits, '_' or '-'");
    }
  }
  void check_table() const {
    const auto* const made = plugin_;
    if (made == nullptr || made->struct_size < sizeof *made || made->start == nullptr ||
        made->handle == nullptr || made->stop == nullptr || made->destroy == nullptr) {
      refuse("create gave back a table that is too short or has holes");
    }
  }
  void check_routes() const {
    if (plugin_->route_count == 0 || plugin_->routes == nullptr) refuse("it serves no routes");
    for (std::uint32_t i = 0; i < plugin_->route_count; ++i) {
      const auto& one = route(i);
      if (one.struct_size < sizeof one || one.struct_size != plugin_->routes->struct_size) {
        refuse("its route table is too short");
      }
      const auto name = text_of(one.name);
      const std::string where = "route " + std::string(name);
      if (!is_route_name(name)) {
        refuse(where + ": a name is 1 to 128 letters, digits, '_', '-' or '.'");
      }
      if (!is_route_path(path_of(i))) refuse(where + ": its path is none: " + path_of(i));
      if (!are_route_methods(methods_of(i))) refuse(where + ": its methods are none");
      if ((one.flags & DOJO_ROUTE_STREAM) != 0) {
        if (plugin_->resume == nullptr) refuse(where + ": it streams, and there is no resume()");
        if ((one.flags & DOJO_ROUTE_RAW) != 0) refuse(where + ": it is raw, and streams");
      }
      for (std::uint32_t other = 0; other < i; ++other) {
        if (text_of(route(other).name) == name || path_of(other) == path_of(i)) {
          refuse(where + ": it declares this route twice");
        }
      }
      for (const auto* schema : {one.request_schema, one.response_schema}) {
        if (text_of(schema).empty()) continue;
        if (const auto status = check_json(schema); !status) {
          refuse(where + ": a schema of it is " + status.error().message);
        }
      }
    }
  }
  void end(bool started) {
    if (started) {
      (void)kept([&] { return plugin_->stop(plugin_->self), DOJO_OK; });
      for (const auto& job : take_jobs()) job.run(job.data, 1);
    }
    (void)kept([&] { return plugin_->destroy(plugin_->self), DOJO_OK; });
  }

  /// [mutex_] Whether dojo-host would take it; what it would not, it drops.
  bool takes_metric(std::string_view name, double value, Metric kind) {
    if (!std::isfinite(value) || !is_metric_name(name)) return false;
    const auto known = metrics_.find(name);
    if (known != metrics_.end()) return known->second == kind;
    if (metrics_.size() == kMostMetrics) return false;
    metrics_.emplace(name, kind);
    return true;
  }

  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view name) const {
    for (std::uint32_t i = 0; i < plugin_->route_count; ++i) {
      if (text_of(route(i).name) == name) return i;
    }
    return std::nullopt;
  }
  [[nodiscard]] const dojo_route& route(std::uint32_t index) const {
    const auto* const first = reinterpret_cast<const char*>(plugin_->routes);
    return *reinterpret_cast<const dojo_route*>(first + index * plugin_->routes->struct_size);
  }

  [[nodiscard]] std::string path_of(std::uint32_t index) const {
    const auto& one = route(index);
    return one.path == nullptr ? '/' + std::string(text_of(one.name)) : one.path;
  }
  [[nodiscard]] std::string_view methods_of(std::uint32_t index) const {
    const auto* const methods = route(index).methods;
    return methods == nullptr ? "POST" : methods;
  }
  [[nodiscard]] std::chrono::milliseconds deadline_of(std::uint32_t index) const {
    constexpr std::uint64_t kLongest = 24ull * 60 * 60 * 1000;
    const auto own = route(index).deadline_ms;
    return own == 0 ? kDeadline : std::chrono::milliseconds(std::min(own, kLongest));
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
    asked.request.method = span(asked.caller.method);
    asked.request.target = span(asked.caller.target);
    asked.request.fields = span(asked.caller.fields);
    asked.request.uid = asked.caller.uid ? *asked.caller.uid : -1;
    asked.request.stake = asked.caller.stake;
    asked.request.flags = asked.caller.validator_permit ? DOJO_REQUEST_VALIDATOR_PERMIT : 0;
    asked.request.deadline_ns =
        now() +
        static_cast<std::uint64_t>(std::chrono::nanoseconds(*asked.caller.deadline).count());
    return asked;
  }
  void close(const Asked& asked) {
    std::erase_if(asked_, [&](const auto& one) { return one.get() == &asked; });
  }

  std::pair<std::optional<Answer>, int> ask_hooks(std::uint32_t index,
                                                  const dojo_request& request) {
    const auto& asked = route(index);
    for (const auto& [hook, status, prefix] : {std::tuple{asked.blacklist, 200, "Blacklisted: "},
                                               std::tuple{asked.verify, 403, "Forbidden: "}}) {
      if (hook == nullptr) continue;
      const auto [code, reason] =
          told([&](dojo_error* error) { return hook(plugin_->self, &request, error); });
      if (code == DOJO_REFUSED) {
        return {Answer{.status = status, .body = "{}", .error = prefix + reason, .metadata = "{}"},
                0};
      }
      if (code != DOJO_OK) return {failed(reason), 0};
    }
    if (asked.priority == nullptr) return {std::nullopt, 0};
    const auto priority = asked.priority(plugin_->self, &request);
    return {std::nullopt, std::clamp(priority, -kPriorities, kPriorities)};
  }

  Answer wait(Asked& asked) {
    auto until = std::chrono::steady_clock::now() + *asked.caller.deadline;
    std::unique_lock lock(mutex_);
    for (std::size_t seen = 0;;) {
      news_.wait_until(lock, until, [&] {
        return asked.answer || !jobs_.empty() || !full_.empty() || asked.chunks.size() > seen;
      });
      if (asked.chunks.size() > seen && !asked.answer) {  // and as long again for the next one
        seen = asked.chunks.size();
        until = std::chrono::steady_clock::now() + *asked.caller.deadline;
        if (jobs_.empty() && full_.empty()) continue;
      }
      if (!full_.empty() && !asked.answer) {
        resume_full(lock);
        continue;
      }
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

  /// What a call of the plugin returns; an exception, which none may let out, is a failure.
  template <class Call>
  static std::int32_t kept(Call call) {
    try {
      return call();
    } catch (...) {
      return DOJO_FAILED;
    }
  }
  template <class Call>
  static std::pair<std::int32_t, std::string> told(Call call) {
    std::array<char, 4096> text{};
    dojo_error error{text.data(), text.size(), 0};
    const auto code = kept([&] { return call(&error); });
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
    const auto* const table = static_cast<const Table*>(plugin_->extension(plugin_->self, name));
    return table != nullptr && table->struct_size >= sizeof *table ? table : nullptr;
  }
  void restore(std::string_view state) {
    const auto* const table = extension<dojo_state_v1>(DOJO_EXT_STATE);
    if (table == nullptr || table->restore == nullptr) refuse("restore: the plugin takes no state");
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
  std::vector<dojo_request_id> full_;  // told so
  std::vector<std::string> lines_;
  std::map<std::string, Metric, std::less<>> metrics_;
  std::map<std::string, double> counters_;
  std::map<std::string, std::vector<double>> histograms_;
};

}  // namespace dojo::testing
