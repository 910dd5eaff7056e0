#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <dojo/client/proof.hpp>

#include "command.hpp"
#include "input.hpp"
#include "text/terminal.hpp"

namespace dojo::cli {
namespace {

/// As much of a body as tells which it is.
std::string shown(std::string_view body) {
  constexpr std::size_t kMost = 200;
  if (body.empty()) return "no body";
  return fmt::format("{} bytes: {}{}", body.size(), text::escaped(body.substr(0, kMost)),
                     body.size() > kMost ? " …" : "");
}

std::string described(const Proven& proven) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(proven.time);
  return fmt::format(
      "{} has asked {}\n  {:%Y-%m-%d %H:%M:%S}.{:09} UTC\n  {} {}\n  {}\n{} has answered\n"
      "  HTTP status {}\n  {}\n"
      "Both signatures are right. The answer names its request by asker and time alone: that {} "
      "asked "
      "nothing else at that nanosecond is its own word.\n",
      proven.asker, proven.answerer,
      fmt::gmtime(std::chrono::system_clock::to_time_t(
          std::chrono::time_point_cast<std::chrono::system_clock::duration>(seconds))),
      (proven.time - seconds).count(), proven.method, proven.target, shown(proven.request),
      proven.answerer, proven.status, shown(proven.answer), proven.asker);
}

struct VerifyProof {
  std::string file;

  [[nodiscard]] int run() const {
    const auto text = read_file(file);
    if (!text) {
      complain(text.error().message);
      return kUsage;
    }
    const auto proven = check_proof(*text);
    if (!proven) {
      complain(fmt::format("{} proves nothing: {}", file, proven.error().message));
      return kRefused;
    }
    std::fputs(described(*proven).c_str(), stdout);
    return kAnswered;
  }
};

}  // namespace

void add_verify_proof(CLI::App& app, int& exit_code) {
  auto verify = std::make_shared<VerifyProof>();
  auto* command =
      app.add_subcommand("verify-proof",
                         "Check what `send --proof` has kept, and say who asked whom what, and "
                         "what was answered: exit "
                         "code 0 if that is proven, 1 if not, 2 if there is no such file");
  command->add_option("FILE", verify->file, "A proof; - for stdin")->required();
  command->footer("");
  command->callback([verify, &exit_code] { exit_code = verify->run(); });
}

}  // namespace dojo::cli
