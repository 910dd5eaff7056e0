#include "plugins/generation.hpp"

// Before any Boost.DLL header: with the standard library's file system no compiled Boost library is
// needed.
#define BOOST_DLL_USE_STD_FS
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>

#include <boost/dll/shared_library.hpp>
#include <fmt/format.h>

#include <dojo/model.hpp>

#include "plugins/elf.hpp"
#include "plugins/span.hpp"

namespace dojo::plugins {
namespace {

constexpr char kEntry[] = "dojo_plugin_entry";
constexpr std::size_t kErrorCapacity = 4096;
constexpr std::uint32_t kNoStatus = UINT32_MAX;  // what no response may have
constexpr std::uint64_t kLongestDeadlineMs = 24ull * 60 * 60 * 1000;

const Generation& generation_of(void* context) {
  return *static_cast<const Generation*>(context);
}

bool is_name(std::string_view text, std::size_t longest, std::string_view also) {
  return text.find_first_not_of('.') != std::string_view::npos && text.size() <= longest &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  also.find(c) != std::string_view::npos;
         });
}

std::string text_or_empty(const char* text) {
  return text == nullptr ? std::string() : std::string(text);
}

/// Calls a function of the plugin's that fills in a dojo_error.
template <class Call>
Status attempt(std::string_view what, Call call) {
  std::array<char, kErrorCapacity> buffer{};
  dojo_error error{buffer.data(), buffer.size(), 0};
  std::int32_t code = DOJO_FAILED;
  try {
    code = call(&error);
  } catch (...) {  // a plugin that does not keep to the ABI
    return fail(fmt::format("{} let an exception out", what));
  }
  if (code == DOJO_OK) return {};
  const std::string_view reason(buffer.data(), std::min(error.size, buffer.size()));
  return fail(
      fmt::format("{} failed ({}): {}", what, code, reason.empty() ? "no reason given" : reason));
}

Status check_schema(const std::string& route, const char* which, const std::string& schema) {
  if (schema.empty()) return {};
  const auto status = check_json(schema);
  if (status) return {};
  return fail(fmt::format("route {}: its {} schema is {}", route, which, status.error().message));
}

}  // namespace

/// The shared object, and the entry in it.
class Generation::Library {
 public:
  explicit Library(const std::filesystem::path& file)
      : object_(file, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local) {
    if (object_.has(kEntry)) entry_ = &object_.get<const dojo_plugin_entry_v1>(kEntry);
  }
  [[nodiscard]] const dojo_plugin_entry_v1* entry() const { return entry_; }

 private:
  boost::dll::shared_library object_;
  const dojo_plugin_entry_v1* entry_ = nullptr;
};

Generation::Generation(std::filesystem::path file, Services& services,
                       std::unique_ptr<Library> library)
    : file_(std::move(file)), services_(services), library_(std::move(library)) {}

Generation::~Generation() {
  if (!created_) return;
  if (started_) plugin_.stop(plugin_.self);
  plugin_.destroy(plugin_.self);
}

Result<std::unique_ptr<Generation>> Generation::open(const std::filesystem::path& file,
                                                     Services& services) {
  if (auto whole = check_elf(file); !whole) return tl::unexpected(whole.error());
  std::unique_ptr<Library> library;
  try {
    library = std::make_unique<Library>(file);
  } catch (const std::exception& error) {  // the throwing overload alone gives the loader's reason
    return fail(fmt::format("it cannot be loaded: {}", error.what()));
  }
  const auto* entry = library->entry();
  if (entry == nullptr) {
    return fail("it is no plugin: it does not export dojo_plugin_entry (see DOJO_PLUGIN)");
  }
  if (entry->abi_major != DOJO_ABI_MAJOR) {
    return fail(fmt::format("it was built for plugin ABI {}.{}, this host has {}.{}: build it anew",
                            entry->abi_major, entry->abi_minor, DOJO_ABI_MAJOR, DOJO_ABI_MINOR));
  }
  if (entry->struct_size < sizeof(dojo_plugin_entry_v1) || entry->create == nullptr) {
    return fail("its entry is too short or has no create()");
  }
  auto generation = std::unique_ptr<Generation>(new Generation(file, services, std::move(library)));
  generation->name_ = text_or_empty(entry->name);
  generation->version_ = text_or_empty(entry->version);
  if (!is_name(generation->name_, 64, "_-")) {
    return fail(fmt::format("its name \"{}\" is not 1 to 64 letters, digits, '_' or '-'",
                            generation->name_.substr(0, 64)));
  }
  return generation;
}

Status Generation::bring_up(const std::string& config) {
  host_.struct_size = sizeof host_;
  host_.abi_major = DOJO_ABI_MAJOR;
  host_.abi_minor = DOJO_ABI_MINOR;
  host_.context = this;
  host_.complete = [](void* context, dojo_request_id id,
                      const dojo_response* response) -> std::int32_t {
    const auto& generation = generation_of(context);
    if (response == nullptr || response->struct_size < sizeof(dojo_response)) {
      const dojo_response none{sizeof none, kNoStatus, {}, {}, {}, nullptr, nullptr};
      return generation.services_.complete(generation, id, none);
    }
    return generation.services_.complete(generation, id, *response);
  };
  host_.cancelled = [](void* context, dojo_request_id id) -> std::int32_t {
    const auto& generation = generation_of(context);
    return generation.services_.cancelled(generation, id) ? 1 : 0;
  };
  host_.now_ns = [](void*) -> std::uint64_t {
    return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  };
  host_.log = [](void* context, std::int32_t level, dojo_request_id id, dojo_span text) {
    const auto& generation = generation_of(context);
    generation.services_.log(generation, level, id, view(text));
  };
  host_.extension = [](void*, const char*) -> const void* { return nullptr; };

  dojo_plugin plugin{};
  auto created = attempt("create", [&](dojo_error* error) {
    return library_->entry()->create(&host_, span(config), &plugin, error);
  });
  if (!created) return created;
  plugin_ = plugin;
  created_ = true;
  if (plugin_.struct_size < sizeof(dojo_plugin) || plugin_.start == nullptr ||
      plugin_.handle == nullptr || plugin_.stop == nullptr || plugin_.destroy == nullptr) {
    created_ = false;  // there is no destroy() to trust
    return fail("create gave back a table that is too short or has holes");
  }
  if (auto routes = read_routes(); !routes) return routes;
  if (auto started =
          attempt("start", [&](dojo_error* error) { return plugin_.start(plugin_.self, error); });
      !started) {
    return started;
  }
  started_ = true;
  return {};
}

Status Generation::read_routes() {
  if (plugin_.route_count == 0 || plugin_.routes == nullptr) return fail("it serves no routes");
  const std::size_t stride = plugin_.routes->struct_size;
  if (stride < sizeof(dojo_route)) return fail("its route table is too short");
  const auto* row = reinterpret_cast<const char*>(plugin_.routes);
  for (std::uint32_t i = 0; i < plugin_.route_count; ++i, row += stride) {
    dojo_route route{};
    std::memcpy(&route, row, sizeof route);
    RouteInfo info{text_or_empty(route.name),
                   text_or_empty(route.description),
                   text_or_empty(route.request_schema),
                   text_or_empty(route.response_schema),
                   std::chrono::milliseconds(std::min(route.deadline_ms, kLongestDeadlineMs)),
                   route.concurrency};
    if (!is_name(info.name, 128, "_-.")) {
      return fail(fmt::format("route \"{}\": a name is 1 to 128 letters, digits, '_', '-' or '.'",
                              info.name.substr(0, 128)));
    }
    if (std::ranges::any_of(routes_, [&](const auto& known) { return known.name == info.name; })) {
      return fail(fmt::format("route {}: it declares this route twice", info.name));
    }
    if (auto status = check_schema(info.name, "request", info.request_schema); !status)
      return status;
    if (auto status = check_schema(info.name, "response", info.response_schema); !status)
      return status;
    routes_.push_back(std::move(info));
  }
  return {};
}

std::int32_t Generation::handle(const dojo_request& request) const {
  try {
    return plugin_.handle(plugin_.self, &request);
  } catch (...) {  // a plugin that does not keep to the ABI
    return DOJO_FAILED;
  }
}

}  // namespace dojo::plugins
