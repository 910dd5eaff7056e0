// A route for every way in which a plugin may treat a request, written on the bare ABI, which
// allows more mischief than the C++ face. What it keeps, it completes from a thread of its own.
#include <array>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <dojo/plugin.h>

namespace {

dojo_span span(std::string_view text) {
  return {text.data(), text.size()};
}

class Plugin {
 public:
  Plugin(const dojo_host* host, std::string config);
  [[nodiscard]] const dojo_plugin* table() const { return &table_; }

  std::int32_t complete(dojo_request_id id, std::uint32_t status, std::string_view body,
                        std::string_view error = {}, std::string_view metadata = {}) const {
    dojo_response response{};
    response.struct_size = sizeof response;
    response.status = status;
    response.body = span(body);
    response.error = span(error);
    response.metadata = span(metadata);
    return host_->complete(host_->context, id, &response);
  }
  std::int32_t answer(dojo_request_id id, std::string_view body) const {
    return complete(id, 200, body);
  }

  void start() {
    worker_ = std::thread([this] { work(); });
  }
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    worker_.join();
  }
  void later(std::function<void()> job) {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
    wake_.notify_all();
  }

  void keep(dojo_request_id id) {
    const std::lock_guard lock(mutex_);
    kept_.push_back(id);
    wake_.notify_all();
  }
  /// Completes all that was kept, from the plugin's thread; what came of it is the answer.
  void release(dojo_request_id id) {
    later([this, id] {
      std::vector<dojo_request_id> kept;
      {
        const std::lock_guard lock(mutex_);
        kept.swap(kept_);
      }
      std::string codes;
      for (const auto old : kept) {
        codes += (codes.empty() ? "" : ",") + std::to_string(answer(old, R"({"late":true})"));
      }
      answer(id, R"({"codes":[)" + codes + "]}");
    });
  }
  /// Blocks the worker until open(), or until nobody waits any more.
  void block(dojo_request_id id) {
    std::unique_lock lock(mutex_);
    while (!opened_ && host_->cancelled(host_->context, id) == 0) {
      wake_.wait_for(lock, std::chrono::milliseconds(2));
    }
  }
  void open() {
    const std::lock_guard lock(mutex_);
    opened_ = true;
    wake_.notify_all();
  }

  [[nodiscard]] const dojo_host& host() const { return *host_; }
  [[nodiscard]] const std::string& config() const { return config_; }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      const auto job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
      lock.lock();
    }
  }

  const dojo_host* host_;
  const std::string config_;
  dojo_plugin table_{};
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  bool opened_ = false;
  std::deque<std::function<void()>> jobs_;
  std::vector<dojo_request_id> kept_;
  std::thread worker_;
};

using Handler = std::int32_t (*)(Plugin&, const dojo_request&);
struct Behaviour {
  const char* name;
  Handler handle;
  std::uint32_t concurrency = 0;
  std::uint64_t deadline_ms = 0;
};

std::string_view body_of(const dojo_request& request) {
  return {request.body.data, request.body.size};
}

std::int32_t keep(Plugin& plugin, const dojo_request& request) {
  plugin.keep(request.id);
  return DOJO_OK;
}

const Behaviour kBehaviours[] = {
    {"Answers",
     [](Plugin& plugin, const dojo_request& request) {
       plugin.complete(request.id, 200, body_of(request), {}, R"({"k":"v"})");
       return std::int32_t{DOJO_OK};
     }},
    {"Describes",
     [](Plugin& plugin, const dojo_request& request) {
       const auto text = [](dojo_span part) {
         return '"' + std::string(part.data == nullptr ? "" : part.data, part.size) + '"';
       };
       plugin.answer(request.id,
                     "{\"hotkey\":" + text(request.hotkey) + ",\"dialect\":" +
                         text(request.dialect) + ",\"peer\":" + text(request.peer) +
                         ",\"trace\":" + text(request.trace) + ",\"config\":" + plugin.config() +
                         ",\"now\":" + std::to_string(plugin.host().now_ns(plugin.host().context)) +
                         ",\"deadline\":" + std::to_string(request.deadline_ns) + "}");
       return std::int32_t{DOJO_OK};
     }},
    {"Logs",
     [](Plugin& plugin, const dojo_request& request) {
       plugin.host().log(plugin.host().context, DOJO_LOG_WARNING, request.id,
                         span("a line\nand another"));
       plugin.answer(request.id, "");
       return std::int32_t{DOJO_OK};
     }},
    {"Fails",
     [](Plugin& plugin, const dojo_request& request) {
       plugin.complete(request.id, DOJO_STATUS_FAILED, {}, "the secret reason");
       return std::int32_t{DOJO_OK};
     }},
    {"Refuses",
     [](Plugin& plugin, const dojo_request& request) {
       plugin.complete(request.id, 422, {}, "not like this", R"({"hint":1})");
       return std::int32_t{DOJO_OK};
     }},
    {"InvalidBody",
     [](Plugin& plugin, const dojo_request& request) {
       plugin.complete(request.id, DOJO_STATUS_INVALID_BODY, {}, "field: wrong");
       return std::int32_t{DOJO_OK};
     }},
    {"TooLarge",
     [](Plugin& plugin, const dojo_request& request) {
       plugin.complete(request.id, DOJO_STATUS_TOO_LARGE, {}, "field: has more members");
       return std::int32_t{DOJO_OK};
     }},
    {"ReturnsError", [](Plugin&, const dojo_request&) { return std::int32_t{DOJO_FAILED}; }},
    {"Throws",
     [](Plugin&, const dojo_request&) -> std::int32_t { throw std::runtime_error("out"); }},
    {"BadJson",
     [](Plugin& plugin, const dojo_request& request) {
       plugin.answer(request.id, R"({"a":)");
       return std::int32_t{DOJO_OK};
     }},
    {"BadStatus",
     [](Plugin& plugin, const dojo_request& request) {
       plugin.complete(request.id, 302, "{}");
       return std::int32_t{DOJO_OK};
     }},
    {"BadMetadata",
     [](Plugin& plugin, const dojo_request& request) {
       plugin.complete(request.id, 200, "{}", {}, "[1]");
       return std::int32_t{DOJO_OK};
     }},
    {"NoResponse",
     [](Plugin& plugin, const dojo_request& request) {
       return plugin.host().complete(plugin.host().context, request.id, nullptr) == DOJO_INVALID
                  ? std::int32_t{DOJO_OK}
                  : std::int32_t{DOJO_FAILED};
     }},
    {"Large",
     [](Plugin& plugin, const dojo_request& request) {
       plugin.answer(request.id, "{\"x\":\"" + std::string(8 << 20, 'x') + "\"}");
       return std::int32_t{DOJO_OK};
     }},
    {"Twice",
     [](Plugin& plugin, const dojo_request& request) {
       const auto id = request.id;  // the second completion is on the plugin's own thread
       plugin.answer(id, R"({"n":1})");
       const auto again = plugin.answer(id, R"({"n":2})");
       plugin.host().log(plugin.host().context, DOJO_LOG_INFO, 0,
                         span("again " + std::to_string(again)));
       return std::int32_t{DOJO_FAILED};  // and not even owned
     }},
    {"Guesses",
     [](Plugin& plugin, const dojo_request& request) {
       // Ids that it was never given: those around its own, and of the slots beside it.
       for (std::uint64_t step = 1; step < 64; ++step) {
         plugin.answer(request.id + step, "{}");
         plugin.answer(request.id - step, "{}");
         plugin.answer(request.id + (step << 24), "{}");
         plugin.answer(request.id + (step << 32), "{}");
       }
       plugin.answer(request.id, R"({"guessed":false})");
       return std::int32_t{DOJO_OK};
     }},
    {"Thread",
     [](Plugin& plugin, const dojo_request& request) {
       plugin.later([&plugin, id = request.id] { plugin.answer(id, R"({"later":true})"); });
       return std::int32_t{DOJO_OK};
     }},
    {"LargeThread",
     [](Plugin& plugin, const dojo_request& request) {
       plugin.later([&plugin, id = request.id] {
         plugin.answer(id, "{\"x\":\"" + std::string(1 << 20, 'x') + "\"}");
       });
       return std::int32_t{DOJO_OK};
     }},
    {"Keeps", keep, 0, 50},
    {"KeepsLong", keep},
    {"KeepsOne", keep, 1, 200},
    {"Releases",
     [](Plugin& plugin, const dojo_request& request) {
       plugin.release(request.id);
       return std::int32_t{DOJO_OK};
     }},
    {"Blocks",
     [](Plugin& plugin, const dojo_request& request) {
       plugin.block(request.id);
       plugin.answer(request.id, "{}");
       return std::int32_t{DOJO_OK};
     }},
    {"Opens",
     [](Plugin& plugin, const dojo_request& request) {
       plugin.open();
       plugin.answer(request.id, "{}");
       return std::int32_t{DOJO_OK};
     }},
    {"Waits",
     [](Plugin& plugin, const dojo_request& request) {
       while (plugin.host().cancelled(plugin.host().context, request.id) == 0)
         std::this_thread::yield();
       plugin.answer(request.id, "{}");
       return std::int32_t{DOJO_OK};
     },
     0, 100},
    {"Releaser",
     [](Plugin& plugin, const dojo_request& request) {
       // Hands over a buffer, to have it back through release().
       auto* const mine = std::make_unique<std::string>(R"({"mine":true})").release();
       dojo_response response{};
       response.struct_size = sizeof response;
       response.status = 200;
       response.body = span(*mine);
       response.release = [](void* context) {
         std::unique_ptr<std::string>(static_cast<std::string*>(context)).reset();
       };
       response.release_context = mine;
       plugin.host().complete(plugin.host().context, request.id, &response);
       return std::int32_t{DOJO_OK};
     }},
};
constexpr std::size_t kCount = std::size(kBehaviours);

const std::array<dojo_route, kCount>& routes() {
  static const auto kTable = [] {
    std::array<dojo_route, kCount> made{};
    for (std::size_t i = 0; i < kCount; ++i) {
      const auto& from = kBehaviours[i];
      made[i].struct_size = sizeof(dojo_route);
      made[i].concurrency = from.concurrency;
      made[i].name = from.name;
      made[i].description = "for a test";
      made[i].request_schema = "{}";
      made[i].deadline_ms = from.deadline_ms;
    }
    return made;
  }();
  return kTable;
}

Plugin& of(void* self) {
  return *static_cast<Plugin*>(self);
}

Plugin::Plugin(const dojo_host* host, std::string config)
    : host_(host), config_(std::move(config)) {
  table_ = {sizeof table_,
            static_cast<std::uint32_t>(kCount),
            this,
            routes().data(),
            [](void* self, dojo_error*) {
              of(self).start();
              return std::int32_t{DOJO_OK};
            },
            [](void* self, const dojo_request* request) {
              return kBehaviours[request->route].handle(of(self), *request);
            },
            [](void* self) { of(self).stop(); },
            [](void* self) { std::unique_ptr<Plugin>(&of(self)).reset(); },
            nullptr,
            nullptr};
}

std::int32_t create(const dojo_host* host, dojo_span config, const dojo_plugin** plugin,
                    dojo_error*) {
  *plugin =
      std::make_unique<Plugin>(host, std::string(config.data, config.size)).release()->table();
  return DOJO_OK;
}

}  // namespace

DOJO_NOTE("behaviours");
extern "C" DOJO_EXPORT const dojo_plugin_entry_v1 dojo_plugin_entry = {
    sizeof(dojo_plugin_entry_v1), DOJO_ABI_MAJOR, DOJO_ABI_MINOR, "behaviours", "1.0.0", create};
