#include "plugins/abi/instance.hpp"

// Before any Boost.DLL header: with the standard library's file system no compiled Boost library is
// needed.
#define BOOST_DLL_USE_STD_FS
#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>

#include <boost/dll/shared_library.hpp>
#include <fmt/format.h>

#include <dojo/model.hpp>
#include <dojo/names.hpp>

#include "plugins/abi/elf.hpp"
#include "plugins/abi/span.hpp"
#include "plugins/abi/tables.hpp"

namespace dojo::plugins {
namespace {

constexpr char kEntry[] = "dojo_plugin_entry";
constexpr std::size_t kErrorCapacity = 4096;
constexpr std::int32_t kPriorities = 1000;  // to either side of 0

std::string text_or_empty(const char* text) {
  return text == nullptr ? std::string() : std::string(text);
}

/// What a function of the plugin's that fills in a dojo_error came to.
struct Outcome {
  std::int32_t code = DOJO_FAILED;
  std::string reason;
};

template <class Call>
Outcome call_plugin(Call call) {
  std::array<char, kErrorCapacity> buffer{};
  dojo_error error{buffer.data(), buffer.size(), 0};
  Outcome outcome;
  try {
    outcome.code = call(&error);
    outcome.reason.assign(buffer.data(), std::min(error.size, buffer.size()));
  } catch (...) {  // a plugin that does not keep to the ABI
    outcome.reason = "it let an exception out";
  }
  return outcome;
}

Status failed(std::string_view what, const Outcome& outcome) {
  return fail(fmt::format("{} failed ({}): {}", what, outcome.code,
                          outcome.reason.empty() ? "no reason given" : outcome.reason));
}

template <class Call>
Status attempt(std::string_view what, Call call) {
  const auto outcome = call_plugin(call);
  return outcome.code == DOJO_OK ? Status() : failed(what, outcome);
}

/// The same for what a plugin need not have.
template <class Call>
Status attempt_if_there(std::string_view what, Call call) {
  const auto outcome = call_plugin(call);
  return outcome.code == DOJO_OK || outcome.code == DOJO_UNKNOWN ? Status() : failed(what, outcome);
}

Status check_schema(const std::string& route, const char* which, const std::string& schema) {
  if (schema.empty()) return {};
  const auto status = check_json(schema);
  if (status) return {};
  return fail(fmt::format("route {}: its {} schema is {}", route, which, status.error().message));
}

}  // namespace

Status check_name(std::string_view name) {
  if (is_plugin_name(name)) return {};
  return fail(fmt::format("its name \"{}\" is not 1 to 64 letters, digits, '_' or '-'",
                          name.substr(0, 64)));
}

Status check_route(const RouteInfo& route, const std::vector<RouteInfo>& others) {
  if (!is_route_name(route.name)) {
    return fail(fmt::format("route \"{}\": a name is 1 to 128 letters, digits, '_', '-' or '.'",
                            route.name.substr(0, 128)));
  }
  if (!is_route_path(route.path)) {
    return fail(fmt::format(
        "route {}: its path \"{}\" is not printable ASCII that begins with / and has no ?, # "
        "or *, but for /* at its end",
        route.name, route.path.substr(0, 128)));
  }
  if (!are_route_methods(route.methods)) {
    return fail(fmt::format(
        "route {}: its methods \"{}\" are not words in capitals with a space between (CONNECT and "
        "TRACE are nobody's)",
        route.name, route.methods.substr(0, 128)));
  }
  if (route.raw && route.streams) {
    return fail(fmt::format("route {}: it is raw, and streams: one of the two", route.name));
  }
  if (std::ranges::any_of(others, [&](const auto& known) {
        return known.name == route.name || known.path == route.path;
      })) {
    return fail(fmt::format("route {}: it declares this route twice, by its name or by its path",
                            route.name));
  }
  if (auto status = check_schema(route.name, "request", route.request_schema); !status)
    return status;
  return check_schema(route.name, "response", route.response_schema);
}

/// The shared object, and the entry in it.
class Instance::Library {
 public:
  Library(const std::filesystem::path& file, const std::vector<std::filesystem::path>& libraries) {
    // Let go of once the plugin has them.
    const auto first = load_all(libraries);
    object_ = load(file);
    if (object_.has(kEntry)) entry_ = read_table<dojo_plugin_entry_v1>(&object_.get<char>(kEntry));
  }
  [[nodiscard]] bool exports_entry() const { return object_.has(kEntry); }
  [[nodiscard]] const std::optional<dojo_plugin_entry_v1>& entry() const { return entry_; }

 private:
  static boost::dll::shared_library load(const std::filesystem::path& file) {
    return boost::dll::shared_library(
        file, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
  }

  /// Each after those that it needs, which nobody has told: as long as there is one that can be
  /// loaded.
  static std::vector<boost::dll::shared_library> load_all(
      std::vector<std::filesystem::path> files) {
    std::vector<boost::dll::shared_library> loaded;
    while (!files.empty()) {
      const auto before = files.size();
      std::exception_ptr last;
      std::erase_if(files, [&](const auto& file) {
        try {
          loaded.push_back(load(file));
          return true;
        } catch (const std::exception&) {
          last = std::current_exception();
          return false;
        }
      });
      if (files.size() == before) std::rethrow_exception(last);
    }
    return loaded;
  }

  boost::dll::shared_library object_;
  std::optional<dojo_plugin_entry_v1> entry_;
};

Instance::Instance(std::unique_ptr<Library> library) : library_(std::move(library)) {}

Instance::~Instance() {
  (void)end();
}

Result<std::unique_ptr<Instance>> Instance::open(
    const std::filesystem::path& file, const std::vector<std::filesystem::path>& libraries) {
  if (auto whole = check_elf(file); !whole) return Unexpected(whole.error());
  std::unique_ptr<Library> library;
  try {
    library = std::make_unique<Library>(file, libraries);
  } catch (const std::exception& error) {  // the throwing overload alone gives the loader's reason
    return fail(fmt::format("it cannot be loaded: {}", error.what()));
  }
  if (!library->exports_entry()) {
    return fail("it is no plugin: it does not export dojo_plugin_entry (see DOJO_PLUGIN)");
  }
  const auto& entry = library->entry();
  if (!entry || entry->create == nullptr) {
    return fail("its entry is too short or has no create()");
  }
  if (entry->abi_major != DOJO_ABI_MAJOR) {
    return fail(fmt::format("it was built for plugin ABI {}.{}, this host has {}.{}: build it anew",
                            entry->abi_major, entry->abi_minor, DOJO_ABI_MAJOR, DOJO_ABI_MINOR));
  }
  auto name = text_or_empty(entry->name);
  auto version = text_or_empty(entry->version);
  if (auto status = check_name(name); !status) return Unexpected(status.error());
  auto instance = std::unique_ptr<Instance>(new Instance(std::move(library)));
  instance->name_ = std::move(name);
  instance->version_ = std::move(version);
  return instance;
}

Status Instance::create(const dojo_host& host, const std::string& config) {
  const dojo_plugin* made = nullptr;
  auto created = attempt("create", [&](dojo_error* error) {
    return library_->entry()->create(&host, span(config), &made, error);
  });
  if (!created) return created;
  const auto plugin = read_table<dojo_plugin>(made);
  if (!plugin || plugin->start == nullptr || plugin->handle == nullptr || plugin->stop == nullptr ||
      plugin->destroy == nullptr) {
    return fail("create gave back a table that is too short or has holes");
  }
  plugin_ = *plugin;
  created_ = true;
  return read_routes();
}

Status Instance::read_routes() {
  if (plugin_.route_count == 0 || plugin_.routes == nullptr) return fail("it serves no routes");
  const std::size_t stride = plugin_.routes->struct_size;
  const auto* row = reinterpret_cast<const char*>(plugin_.routes);
  for (std::uint32_t i = 0; i < plugin_.route_count; ++i, row += stride) {
    const auto route = read_table<dojo_route>(row);
    if (!route || route->struct_size != stride) return fail("its route table is too short");
    RouteInfo info{
        text_or_empty(route->name),
        text_or_empty(route->description),
        text_or_empty(route->request_schema),
        text_or_empty(route->response_schema),
        std::chrono::milliseconds(std::min(route->deadline_ms, kLongestDeadlineMs)),
        route->concurrency,
        route->blacklist != nullptr || route->verify != nullptr || route->priority != nullptr,
        route->path == nullptr ? '/' + text_or_empty(route->name) : std::string(route->path),
        route->methods == nullptr ? "POST" : std::string(route->methods),
        (route->flags & DOJO_ROUTE_RAW) != 0,
        (route->flags & DOJO_ROUTE_STREAM) != 0};
    if (info.streams && plugin_.resume == nullptr) {
      return fail(fmt::format("route {}: it streams, and the plugin has no resume()", info.name));
    }
    if (auto status = check_route(info, routes_); !status) return status;
    routes_.push_back(std::move(info));
    tables_.push_back(*route);
  }
  return {};
}

template <class Table>
std::optional<Table> Instance::extension(const char* name) const {
  if (!created_ || plugin_.extension == nullptr) return std::nullopt;
  try {
    return read_table<Table>(plugin_.extension(plugin_.self, name));
  } catch (...) {  // a plugin that does not keep to the ABI
    return std::nullopt;
  }
}

Status Instance::selftest() {
  const auto table = extension<dojo_selftest_v1>(DOJO_EXT_SELFTEST);
  if (!table || table->run == nullptr) return {};
  return attempt_if_there("selftest",
                          [&](dojo_error* error) { return table->run(plugin_.self, error); });
}

Result<std::optional<std::string>> Instance::save() {
  const auto table = extension<dojo_state_v1>(DOJO_EXT_STATE);
  if (!table || table->save == nullptr) return std::optional<std::string>();
  struct Written {
    std::string state;
    bool whole = true;
  } written;
  const auto write = [](void* context, dojo_span bytes) {
    auto& to = *static_cast<Written*>(context);
    try {
      to.state.append(view(bytes));
    } catch (const std::exception&) {  // it must not go through the plugin's frames
      to.whole = false;
    }
  };
  const auto outcome = call_plugin(
      [&](dojo_error* error) { return table->save(plugin_.self, write, &written, error); });
  if (outcome.code == DOJO_UNKNOWN) return std::optional<std::string>();
  if (outcome.code != DOJO_OK) return Unexpected(failed("save", outcome).error());
  if (!written.whole) return fail("save wrote more than there is memory for");
  return std::optional<std::string>(std::move(written.state));
}

Status Instance::restore(std::string_view state) {
  const auto table = extension<dojo_state_v1>(DOJO_EXT_STATE);
  if (!table || table->restore == nullptr) return fail("it takes no state (dojo.state/1)");
  return attempt("restore", [&](dojo_error* error) {
    return table->restore(plugin_.self, span(state), error);
  });
}

bool Instance::takes_state() const {
  const auto table = extension<dojo_state_v1>(DOJO_EXT_STATE);
  return table && table->restore != nullptr;
}

Status Instance::health() {
  const auto table = extension<dojo_health_v1>(DOJO_EXT_HEALTH);
  if (!table || table->check == nullptr) return {};
  return attempt_if_there("health check",
                          [&](dojo_error* error) { return table->check(plugin_.self, error); });
}

bool Instance::has_health() const {
  const auto table = extension<dojo_health_v1>(DOJO_EXT_HEALTH);
  return table && table->check != nullptr;
}

Status Instance::start() {
  auto status =
      attempt("start", [&](dojo_error* error) { return plugin_.start(plugin_.self, error); });
  started_ = status.has_value();
  return status;
}

std::int32_t Instance::handle(const dojo_request& request) const noexcept {
  try {
    return plugin_.handle(plugin_.self, &request);
  } catch (...) {  // a plugin that does not keep to the ABI
    return DOJO_FAILED;
  }
}

void Instance::resume(dojo_request_id id) const noexcept {
  if (plugin_.resume == nullptr) return;
  try {
    plugin_.resume(plugin_.self, id);
  } catch (...) {  // NOLINT(bugprone-empty-catch) a plugin that does not keep to the ABI
  }
}

Verdict Instance::judge(const dojo_request& request) const noexcept {
  try {
    return ask(request);
  } catch (...) {
    return {Code::internal, "a hook let an exception out"};
  }
}

Verdict Instance::ask(const dojo_request& request) const {
  const auto& route = tables_[request.route];
  const auto refused_by = [&](auto hook, const char* name, Code code) -> std::optional<Verdict> {
    if (hook == nullptr) return std::nullopt;
    auto outcome =
        call_plugin([&](dojo_error* reason) { return hook(plugin_.self, &request, reason); });
    if (outcome.code == DOJO_OK) return std::nullopt;
    if (outcome.code == DOJO_REFUSED) return Verdict{code, std::move(outcome.reason)};
    return Verdict{Code::internal, failed(name, outcome).error().message};
  };
  if (auto verdict = refused_by(route.blacklist, "blacklist", Code::blacklisted)) return *verdict;
  if (auto verdict = refused_by(route.verify, "verify", Code::bad_signature)) return *verdict;
  if (route.priority == nullptr) return {};
  const auto priority = route.priority(plugin_.self, &request);
  return {Code::ok, {}, std::clamp(priority, -kPriorities, kPriorities)};
}

Status Instance::end() {
  Status status;
  const auto call = [&](const char* what, void (*function)(void*)) {
    try {
      function(plugin_.self);
    } catch (...) {  // a plugin that does not keep to the ABI
      status = fail(fmt::format("{} let an exception out", what));
    }
  };
  if (std::exchange(started_, false)) call("stop", plugin_.stop);
  if (std::exchange(created_, false)) call("destroy", plugin_.destroy);
  return status;
}

void Instance::unload() {
  library_.reset();
}

bool is_mapped(const std::filesystem::path& file) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find(file.native()) != std::string::npos) return true;
  }
  return false;
}

}  // namespace dojo::plugins
