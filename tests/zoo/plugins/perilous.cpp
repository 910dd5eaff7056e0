// Routes that end, hurt or burden the process they run in, beside some that behave; and words in
// its config at which it fails elsewhere. On the bare ABI, with no more in it than the tests ask
// for.
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <dojo/plugin.h>

namespace {

dojo_span span(std::string_view text) {
  return {text.data(), text.size()};
}
std::string_view view(dojo_span text) {
  return {text.data, text.size};
}

class Plugin;
using Handler = std::int32_t (*)(Plugin&, const dojo_request&);

class Plugin {
 public:
  Plugin(const dojo_host* host, std::string config);

  std::int32_t answer(dojo_request_id id, std::string_view body, std::uint32_t status = 200,
                      std::string_view error = {}) const {
    dojo_response response{};
    response.struct_size = sizeof response;
    response.status = status;
    response.body = span(body);
    response.error = span(error);
    response.metadata = span(R"({"k":1})");
    return host_->complete(host_->context, id, &response);
  }
  std::int32_t answer_number(dojo_request_id id, std::int64_t number) const {
    return answer(id, "{\"n\":" + std::to_string(number) + "}");
  }
  void log(dojo_request_id id, std::string_view text) const {
    host_->log(host_->context, DOJO_LOG_WARNING, id, span(text));
  }
  /// On a thread of the plugin's own.
  void later(std::function<void()> work) {
    const std::lock_guard lock(mutex_);
    threads_.emplace_back(std::move(work));
  }
  [[nodiscard]] bool asked_for(std::string_view word) const {
    return config_.find(word) != std::string::npos;
  }
  void stop() {
    while (asked_for("never_stops")) ::pause();
    std::vector<std::thread> threads;
    {
      const std::lock_guard lock(mutex_);
      threads.swap(threads_);
    }
    for (auto& thread : threads) thread.join();
  }

  void answer_in_destroy(dojo_request_id id) {
    const std::lock_guard lock(mutex_);
    kept_.push_back(id);
  }
  void answer_kept() {
    std::thread([this] {
      for (const auto id : kept_) log(0, "after stop " + std::to_string(answer(id, "{}")));
    }).join();
  }

  [[nodiscard]] const dojo_host& host() const { return *host_; }
  [[nodiscard]] const dojo_plugin* table() const { return &table_; }
  std::atomic<bool> sick = false;
  std::string state = "fresh";

 private:
  const dojo_host* host_;
  const std::string config_;
  dojo_plugin table_{};
  std::vector<dojo_route> routes_;
  std::mutex mutex_;
  std::vector<std::thread> threads_;
  std::vector<dojo_request_id> kept_;
};

std::int32_t recurse(volatile char* above, int depth) {
  if (depth < 0) return 0;  // never
  volatile char frame[4096] = {};
  frame[0] = above == nullptr ? 'x' : above[0];
  return recurse(frame, depth + 1) + frame[0];
}

void wait_for(const std::string& file) {
  while (::access(file.c_str(), F_OK) != 0)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

/// A number out of a system call: 0, or what it failed with.
std::int64_t outcome(long returned) {
  return returned < 0 ? errno : 0;
}

std::int64_t try_to_execute() {
  const auto child = ::fork();
  if (child < 0) return errno;
  if (child == 0) {
    std::string program = "/bin/true";
    std::array<char*, 2> argv{program.data(), nullptr};
    ::execv(program.c_str(), argv.data());
    ::_exit(errno);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

struct Behaviour {
  const char* name;
  Handler handle;
};

const Behaviour kBehaviours[] = {
    {"Echo",
     [](Plugin& plugin, const dojo_request& request) {
       plugin.answer(request.id, view(request.body));
       return std::int32_t{DOJO_OK};
     }},
    {"EchoLater",
     [](Plugin& plugin, const dojo_request& request) {
       plugin.later([&plugin, request] { plugin.answer(request.id, view(request.body)); });
       return std::int32_t{DOJO_OK};
     }},
    {"EchoJob",
     [](Plugin& plugin, const dojo_request& request) {
       struct Work {
         Plugin& plugin;
         dojo_request request;
       };
       const auto* executor = static_cast<const dojo_executor_v1*>(
           plugin.host().extension(plugin.host().context, DOJO_EXT_EXECUTOR));
       auto work = std::make_unique<Work>(Work{plugin, request});
       return executor->post(
           plugin.host().context,
           [](void* data, std::int32_t cancelled) {
             const std::unique_ptr<Work> mine(static_cast<Work*>(data));
             mine->plugin.answer(mine->request.id,
                                 cancelled != 0 ? "{}" : view(mine->request.body));
           },
           work.release());
     }},
    {"Describes",
     [](Plugin& plugin, const dojo_request& request) {
       std::string padding(request.body.data + request.body.size, DOJO_BODY_PADDING);  // readable
       plugin.answer(request.id, std::string(view(request.hotkey)) + "|" +
                                     std::string(view(request.dialect)) + "|" +
                                     std::string(view(request.peer)) + "|" +
                                     std::string(view(request.trace)) + "|" +
                                     std::to_string(request.deadline_ns) + "|" + plugin.state);
       return std::int32_t{DOJO_OK};
     }},
    {"Declines", [](Plugin&, const dojo_request&) { return std::int32_t{DOJO_FAILED}; }},
    {"DeclinesAndAnswers",
     [](Plugin& plugin, const dojo_request& request) {
       plugin.later([&plugin, id = request.id] {
         while (plugin.host().cancelled(plugin.host().context, id) == 0) std::this_thread::yield();
         plugin.log(0, "late " + std::to_string(plugin.answer(id, "{}")));
       });
       return std::int32_t{DOJO_FAILED};
     }},
    {"Throws", [](Plugin&, const dojo_request&) -> std::int32_t { throw std::bad_alloc(); }},
    {"BadJson",
     [](Plugin& plugin, const dojo_request& request) {
       plugin.log(0, "bad " + std::to_string(plugin.answer(request.id, "{\"a\":")));
       return std::int32_t{DOJO_OK};
     }},
    {"Twice",
     [](Plugin& plugin, const dojo_request& request) {
       const auto id = request.id;
       plugin.answer(id, "{}");
       plugin.log(0, "again " + std::to_string(plugin.answer(id, "{}")));
       plugin.log(0, "unknown " + std::to_string(plugin.answer(id + 1, "{}")));
       return std::int32_t{DOJO_OK};
     }},
    {"BadStatus",
     [](Plugin& plugin, const dojo_request& request) {
       plugin.log(0, "bad " + std::to_string(plugin.answer(request.id, "{}", 3)));
       return std::int32_t{DOJO_OK};
     }},
    {"Teapot",
     [](Plugin& plugin, const dojo_request& request) {
       plugin.answer(request.id, {}, 418, "short and stout");
       return std::int32_t{DOJO_OK};
     }},
    {"AwaitsCancel",
     [](Plugin& plugin, const dojo_request& request) {
       plugin.later([&plugin, id = request.id] {
         while (plugin.host().cancelled(plugin.host().context, id) == 0)
           std::this_thread::sleep_for(std::chrono::milliseconds(1));
         plugin.answer(id, R"({"cancelled":true})");
       });
       return std::int32_t{DOJO_OK};
     }},
    {"AnswersAfterStop",
     [](Plugin& plugin, const dojo_request& request) {
       plugin.answer_in_destroy(request.id);
       return std::int32_t{DOJO_OK};
     }},
    // From a thread that nobody waits for, once there is a file of the name that is the body.
    {"AnswersAfterDestroy",
     [](Plugin& plugin, const dojo_request& request) {
       std::thread([host = &plugin.host(), id = request.id,
                    file = std::string(view(request.body))] {
         wait_for(file);
         dojo_response response{};
         response.struct_size = sizeof response;
         response.status = 200;
         response.body = span("{}");
         const auto code = host->complete(host->context, id, &response);
         const auto text = "after destroy " + std::to_string(code);
         host->log(host->context, DOJO_LOG_WARNING, 0, span(text));
       }).detach();
       return std::int32_t{DOJO_OK};
     }},
    {"IgnoresCancel",
     [](Plugin& plugin, const dojo_request& request) {
       wait_for(std::string(view(request.body)));
       return plugin.answer(request.id, "{}");
     }},
    {"Keeps", [](Plugin&, const dojo_request&) { return std::int32_t{DOJO_OK}; }},
    {"IgnoresAll",
     [](Plugin&, const dojo_request&) -> std::int32_t {
       for (;;) ::pause();
     }},
    {"Measures",
     [](Plugin& plugin, const dojo_request& request) {
       const auto& host = plugin.host();
       host.count(host.context, span("things"), 2);
       host.observe(host.context, span("seconds"), 0.5);
       for (int i = 0; i < 100; ++i) plugin.log(request.id, "a line");
       return plugin.answer(request.id, "{}");
     }},
    {"Pid",
     [](Plugin& plugin, const dojo_request& request) {
       return plugin.answer_number(request.id, ::getpid());
     }},
    {"Sickens",
     [](Plugin& plugin, const dojo_request& request) {
       plugin.sick = true;
       return plugin.answer(request.id, "{}");
     }},
    {"Hooked",
     [](Plugin& plugin, const dojo_request& request) { return plugin.answer(request.id, "{}"); }},
    // What ends the process.
    {"DiesInHandle",
     [](Plugin&, const dojo_request&) -> std::int32_t {
       ::raise(SIGSEGV);
       return DOJO_OK;
     }},
    {"ForksAndDies",
     [](Plugin&, const dojo_request&) -> std::int32_t {
       if (::fork() == 0) {  // out of reach, with a copy of every descriptor
         ::setsid();
         for (int standard = 0; standard < 3; ++standard) ::close(standard);  // the test's caller's
         ::alarm(60);  // longer than tests wait for an answer
         for (;;) ::pause();
       }
       ::raise(SIGSEGV);
       return DOJO_OK;
     }},
    {"ExitsInHandle", [](Plugin&, const dojo_request&) -> std::int32_t { std::exit(7); }},
    {"AnswersAndDies",
     [](Plugin& plugin, const dojo_request& request) -> std::int32_t {
       plugin.answer(request.id, "{}");
       std::abort();
     }},
    {"CorruptsHeap",
     [](Plugin&, const dojo_request&) -> std::int32_t {
       static char* volatile bytes = nullptr;  // so that the compiler does not see through it
       bytes = new char[24];
       std::memset(bytes - 16, 0x41, 64);
       delete[] bytes;
       return DOJO_OK;
     }},
    {"Recurses", [](Plugin&, const dojo_request&) { return recurse(nullptr, 0); }},
    // What a limit or the sandbox keeps it from.
    {"Allocates1Gb",
     [](Plugin& plugin, const dojo_request& request) {
       constexpr std::size_t kSize = std::size_t{1} << 30;
       void* const bytes =
           ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
       if (bytes == MAP_FAILED) return plugin.answer(request.id, {}, 507, "no memory");
       ::munmap(bytes, kSize);
       return plugin.answer(request.id, "{}");
     }},
    {"Answers2Gb",
     [](Plugin& plugin, const dojo_request& request) {
       constexpr std::size_t kSize = std::size_t{2} << 30;
       void* const bytes = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
       if (bytes == MAP_FAILED) return std::int32_t{DOJO_FAILED};
       plugin.log(0, "huge " + std::to_string(
                                   plugin.answer(request.id, {static_cast<char*>(bytes), kSize})));
       ::munmap(bytes, kSize);
       return std::int32_t{DOJO_OK};
     }},
    {"Executes",
     [](Plugin& plugin, const dojo_request& request) {
       return plugin.answer_number(request.id, try_to_execute());
     }},
    {"SignalsParent",
     [](Plugin& plugin, const dojo_request& request) {
       return plugin.answer_number(request.id, outcome(::kill(::getppid(), 0)));
     }},
    {"ReadsParent",
     [](Plugin& plugin, const dojo_request& request) {
       return plugin.answer_number(request.id, outcome(::syscall(SYS_process_vm_readv, ::getppid(),
                                                                 nullptr, 0UL, nullptr, 0UL, 0UL)));
     }},
    {"NewNamespace",
     [](Plugin& plugin, const dojo_request& request) {
       return plugin.answer_number(request.id, outcome(::syscall(SYS_unshare, 0x10000000)));
     }},
    {"OpensSocket",
     [](Plugin& plugin, const dojo_request& request) {
       const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
       const auto came_to = outcome(fd);
       if (fd >= 0) ::close(fd);
       return plugin.answer_number(request.id, came_to);
     }},
    {"StartsThread",
     [](Plugin& plugin, const dojo_request& request) {
       std::thread([] {}).join();
       return plugin.answer(request.id, "{}");
     }},
};

std::int32_t blacklist(void*, const dojo_request* request, dojo_error* reason) {
  if (view(request->body) == "die") ::raise(SIGSEGV);
  if (view(request->body) == "throw") throw std::bad_alloc();
  if (view(request->hotkey) != "mallory") return DOJO_OK;
  constexpr std::string_view kReason = "not you";
  std::memcpy(reason->data, kReason.data(), kReason.size());
  reason->size = kReason.size();
  return DOJO_REFUSED;
}

std::int32_t say(dojo_error* error, std::string_view text) {
  std::memcpy(error->data, text.data(), text.size());
  error->size = text.size();
  return DOJO_FAILED;
}

Plugin& of(void* self) {
  return *static_cast<Plugin*>(self);
}

const dojo_state_v1 kState = {
    sizeof kState,
    [](void* self, void (*write)(void*, dojo_span), void* context, dojo_error*) {
      write(context, span("saved "));
      write(context, span(of(self).state));
      return std::int32_t{DOJO_OK};
    },
    [](void* self, dojo_span state, dojo_error* error) {
      if (view(state) == "rotten") return say(error, "it is rotten");
      of(self).state = view(state);
      return std::int32_t{DOJO_OK};
    }};
const dojo_health_v1 kHealth = {sizeof kHealth, [](void* self, dojo_error* error) {
                                  return of(self).sick ? say(error, "feels sick")
                                                       : std::int32_t{DOJO_OK};
                                }};

Plugin::Plugin(const dojo_host* host, std::string config)
    : host_(host), config_(std::move(config)) {
  for (const auto& behaviour : kBehaviours) {
    dojo_route route{};
    route.struct_size = sizeof route;
    route.name = behaviour.name;
    if (std::string_view(behaviour.name) == "Hooked") {
      route.blacklist = blacklist;
      route.priority = [](void*, const dojo_request*) { return std::int32_t{7}; };
    }
    routes_.push_back(route);
  }
  // The config is the path of a file whose presence changes the routes.
  if (asked_for("/") && std::ifstream(config_).good()) routes_.front().name = "Changed";
  table_ = {sizeof table_,
            static_cast<std::uint32_t>(routes_.size()),
            this,
            routes_.data(),
            [](void* self, dojo_error* error) {
              while (of(self).asked_for("hangs_in_start")) ::pause();
              if (of(self).asked_for("throws_in_start")) throw std::bad_alloc();
              return of(self).asked_for("no_start") ? say(error, "does not feel like it")
                                                    : std::int32_t{DOJO_OK};
            },
            [](void* self, const dojo_request* request) {
              return kBehaviours[request->route].handle(of(self), *request);
            },
            [](void* self) {
              of(self).stop();
              if (of(self).asked_for("throws_in_stop")) throw std::bad_alloc();
            },
            [](void* self) {
              const std::unique_ptr<Plugin> mine(&of(self));
              mine->answer_kept();
              if (mine->asked_for("throws_in_destroy")) throw std::bad_alloc();
            },
            [](void*, const char* name) -> const void* {
              const std::string_view wanted(name);
              if (wanted == DOJO_EXT_STATE) return &kState;
              return wanted == DOJO_EXT_HEALTH ? &kHealth : nullptr;
            },
            nullptr};
}

std::int32_t create(const dojo_host* host, dojo_span config, const dojo_plugin** plugin,
                    dojo_error*) {
  auto made = std::make_unique<Plugin>(host, std::string(view(config)));
  if (made->asked_for("dies_in_create")) std::abort();
  if (made->asked_for("throws_in_create")) throw std::bad_alloc();
  while (made->asked_for("hangs_in_create")) ::pause();
  made->log(0, "created");
  *plugin = made.release()->table();
  return DOJO_OK;
}

}  // namespace

DOJO_NOTE("perilous");
extern "C" DOJO_EXPORT const dojo_plugin_entry_v1 dojo_plugin_entry = {
    sizeof(dojo_plugin_entry_v1), DOJO_ABI_MAJOR, DOJO_ABI_MINOR, "perilous", "1.0.0", create};
