#include "plugins/deploy/shortage.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

namespace dojo::plugins {
namespace {

constexpr std::array kErrors = {ENOMEM, EAGAIN, EMFILE, ENFILE, ENOSPC, EDQUOT};

// What is said without an errno. SIGKILL is the kernel's, when memory is short: what the host kills
// it has other words for.
constexpr std::array<std::string_view, 3> kTexts = {"cannot allocate memory in static TLS block",
                                                    "std::bad_alloc", "killed by signal 9"};

}  // namespace

bool tells_of_shortage(std::string_view reason) {
  const auto says = [&](std::string_view text) {
    return reason.find(text) != std::string_view::npos;
  };
  return std::ranges::any_of(kTexts, says) || std::ranges::any_of(kErrors, [&](int error) {
           return says(std::string(std::strerror(error)));
         });
}

bool tells_of_no_memory(std::string_view reason) {
  return reason.find("std::bad_alloc") != std::string_view::npos ||
         reason.find(std::strerror(ENOMEM)) != std::string_view::npos;
}

}  // namespace dojo::plugins
