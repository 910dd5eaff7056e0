#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include <dojo/result.hpp>

#include "command.hpp"
#include "input.hpp"

namespace dojo::cli {
namespace {

namespace fs = std::filesystem;

// What a new plugin consists of. @name@ is its name, @Model@ the same as a C++ type's.

constexpr std::string_view kCMake = R"file(cmake_minimum_required(VERSION 3.25)
project(@name@ LANGUAGES CXX)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()
find_package(dojo 0.1 REQUIRED)  # not found? -DCMAKE_PREFIX_PATH=<where dojo is installed>

dojo_add_plugin(@name@ @name@.cpp)
target_compile_options(@name@ PRIVATE -Wall -Wextra)

# The plugin's code in a program of its own, with a host made for tests (dojo/testing.hpp).
enable_testing()
add_executable(@name@_test @name@_test.cpp $<TARGET_OBJECTS:@name@>)
target_link_libraries(@name@_test PRIVATE dojo::sdk)
target_compile_features(@name@_test PRIVATE cxx_std_20)
add_test(NAME @name@ COMMAND @name@_test)
)file";

constexpr std::string_view kPlugin =
    R"file(// A plugin for dojo-host: serves POST and HEAD /@Model@Request.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <dojo/plugin.hpp>

namespace {

// What is asked and, here, answered as well. What a field may be stands in dojo/model.hpp.
struct @Model@Request {
  std::string name;
  std::optional<std::string> text;  // answered
};
DOJO_MODEL(@Model@Request, name, text)

// [plugins.@name@] in the host's config.
struct Config {
  std::string greeting = "Hello";
  std::vector<std::string> banned;  // hotkeys
};
DOJO_MODEL(Config, DOJO_DEFAULT(greeting), DOJO_DEFAULT(banned))

// What this file tells the next one when it is replaced while the host runs.
struct Known {
  std::uint64_t greeted = 0;
};
DOJO_MODEL(Known, DOJO_DEFAULT(greeted))

// The plugin is one object, whose members several threads call at once.
class Greeter {
 public:
  // What it throws keeps this file from serving, and stands in the log.
  explicit Greeter(const Config& config) : config_(config) {}

  @Model@Request greet(dojo::Context& call, @Model@Request request) {
    if (request.name.empty()) throw dojo::HttpError(422, "name is empty");
    request.text = config_.greeting + ", " + request.name + "!";
    call.metadata("greeted", ++greeted_);
    call.count("greetings");  // dojo_plugin_greetings in the host's metrics
    return request;
  }

  // Asked before the handler: a reason refuses the caller. Also .verify() and .priority().
  std::optional<std::string> refuse(const dojo::Context& call) const {
    const auto& banned = config_.banned;
    if (std::find(banned.begin(), banned.end(), call.caller()) == banned.end()) return std::nullopt;
    return "this hotkey is banned";
  }

  Known save() const { return Known{greeted_}; }
  void restore(Known known) { greeted_ = known.greeted; }

  // Asked before this file takes over from an older one, and now and then: throw what is wrong.
  void check() const {
    if (!greeted_.is_lock_free()) throw std::runtime_error("this machine has no 64-bit atomics");
  }

 private:
  const Config& config_;
  std::atomic<std::uint64_t> greeted_{0};
};

}  // namespace

DOJO_PLUGIN("@name@", "0.1.0", dojo::object<Greeter, Config>(),
            dojo::handle(&Greeter::greet).describe("Greets by name").blacklist(&Greeter::refuse),
            dojo::state<Known>(&Greeter::save, &Greeter::restore),
            dojo::health(&Greeter::check))
)file";

constexpr std::string_view kTest = R"file(#include <cstdio>

#include <dojo/testing.hpp>

namespace {

int failures = 0;

void expect(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "not so: %s\n", what);
  ++failures;
}

}  // namespace

int main() {
  dojo::testing::Host host(dojo_plugin_entry, R"({"banned":["5Banned"]})");

  const auto answer = host.call("@Model@Request", R"({"name":"Ada"})");
  expect(answer.status == 200, "Ada is answered");
  expect(answer.body == R"({"name":"Ada","text":"Hello, Ada!"})", "Ada is greeted");
  expect(answer.metadata == R"({"greeted":1})", "greetings are counted");
  expect(host.call("@Model@Request", R"({"name":""})").status == 422, "nobody is not greeted");
  expect(host.call("@Model@Request", "{}").status == 400, "a name is needed");
  expect(host.call("@Model@Request", R"({"name":"Eve"})", {.hotkey = "5Banned"}).error ==
             "Blacklisted: this hotkey is banned",
         "a banned hotkey is refused");
  expect(host.health().has_value(), "it is well");

  // What the next version of the file is told when it takes over, and that it goes on from there.
  expect(host.save() == R"({"greeted":1})", "it says what it knows");
  dojo::testing::Host next(dojo_plugin_entry, "{}", R"({"greeted":41})");
  expect(next.call("@Model@Request", R"({"name":"Bob"})").metadata == R"({"greeted":42})",
         "counting goes on");
  return failures == 0 ? 0 : 1;
}
)file";

constexpr std::string_view kReadme = R"file(# @name@

A plugin for dojo-host. It serves `/@Model@Request`.

    cmake -B build                    # -DCMAKE_PREFIX_PATH=… if dojo is installed elsewhere than in /usr or /usr/local
    cmake --build build
    ctest --test-dir build --output-on-failure

`build/@name@.so` is the plugin: put it into the host's folder of plugins, also while the host runs, and ask it:

    dojo send 127.0.0.1:8091 @Model@Request '{"name":"Ada"}' --wallet KEY --to HOTKEY

Its settings stand in `[plugins.@name@]` of the host's config: `greeting` (default "Hello") and `banned`, a list of hotkeys.
)file";

/// Names that CMake keeps for targets of its own, or that the project needs for others.
constexpr std::array<std::string_view, 9> kTaken = {
    "all", "clean", "depend", "dojo", "help", "install", "package", "test", "edit_cache"};

Status check_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto fits = [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  if (name.empty() || name.size() > 64 || !letter(name.front()) ||
      !std::all_of(name.begin(), name.end(), fits)) {
    return fail(
        fmt::format("\"{}\" cannot be a plugin's name: it begins with a letter, and has letters, "
                    "digits, '_' and '-', 64 at most",
                    name.substr(0, 80)));
  }
  if (std::find(kTaken.begin(), kTaken.end(), name) != kTaken.end()) {
    return fail(fmt::format("a plugin cannot be named {}: CMake has a target of that name", name));
  }
  return {};
}

/// my-scorer: MyScorer
std::string type_name(std::string_view name) {
  std::string type;
  bool begins = true;
  for (const char c : name) {
    if (c == '-' || c == '_') {
      begins = true;
      continue;
    }
    type += begins ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    begins = false;
  }
  return type;
}

std::string filled(std::string_view text, const std::string& name) {
  std::string out(text);
  const auto type = type_name(name);
  for (const auto& [mark, word] :
       {std::pair<std::string_view, const std::string&>("@name@", name), {"@Model@", type}}) {
    for (auto at = out.find(mark); at != std::string::npos; at = out.find(mark, at + word.size())) {
      out.replace(at, mark.size(), word);
    }
  }
  return out;
}

Status write(const fs::path& file, const std::string& text) {
  std::ofstream out(file);
  out << text;
  out.close();
  if (!out) return fail(fmt::format("cannot write {}", file.string()));
  return {};
}

/// @param folder must not exist
Status write_plugin(const fs::path& folder, const std::string& name) {
  std::error_code error;
  fs::create_directories(folder.parent_path(), error);
  if (!fs::create_directory(folder, error)) {
    return fail(error ? fmt::format("cannot make {}: {}", folder.string(), error.message())
                      : fmt::format("{} is there already: choose another name, or --into another "
                                    "folder",
                                    folder.string()));
  }
  for (const auto& [file, text] :
       {std::pair<std::string, std::string_view>("CMakeLists.txt", kCMake),
        {name + ".cpp", kPlugin},
        {name + "_test.cpp", kTest},
        {"README.md", kReadme}}) {
    if (auto status = write(folder / file, filled(text, name)); !status) return status;
  }
  return {};
}

int make_plugin(const std::string& name, const fs::path& into) {
  const auto folder = (into / name).lexically_normal();
  auto status = check_name(name);
  if (status) status = write_plugin(folder, name);
  if (!status) {
    complain(status.error().message);
    return kUsage;
  }
  fmt::print(
      "{}: a plugin that serves /{}Request. Try it:\n"
      "  cd {} && cmake -B build && cmake --build build && ctest --test-dir build\n",
      folder.string(), type_name(name), folder.string());
  return kAnswered;
}

}  // namespace

void add_new_plugin(CLI::App& app, int& exit_code) {
  struct Arguments {
    std::string name;
    std::string into = ".";
  };
  auto arguments = std::make_shared<Arguments>();
  auto* command =
      app.add_subcommand("new-plugin", "Write a plugin to begin with, and a test that runs it");
  command->add_option("NAME", arguments->name, "The plugin's name, and its folder's")->required();
  command->add_option("--into", arguments->into, "Where the folder goes")
      ->type_name("DIR")
      ->capture_default_str();
  command->footer("");
  command->callback(
      [arguments, &exit_code] { exit_code = make_plugin(arguments->name, arguments->into); });
}

}  // namespace dojo::cli
