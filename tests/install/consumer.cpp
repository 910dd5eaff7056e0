// A program with libraries of its own that are called as ours are, of other versions: nothing of
// them may meet. Whatever of theirs an object of dojo's used would be one of these, which all say
// so and end the program. See plugin.sh.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#define FOREIGN [[gnu::used, gnu::noinline]] inline

[[noreturn]] FOREIGN void mixed_up(const char* what) {
  std::fprintf(stderr, "dojo's library calls the program's %s\n", what);
  std::abort();
}

namespace simdjson {
struct implementation;
FOREIGN const implementation* get_active_implementation() {
  mixed_up("simdjson");
}
FOREIGN bool validate_utf8(const char*, std::size_t) noexcept {
  mixed_up("simdjson");
}
FOREIGN const char* error_message(int) noexcept {
  mixed_up("simdjson");
}
}  // namespace simdjson

namespace fmt::inline v9 {
template <class Char>
struct basic_string_view {
  const Char* data;
  std::size_t size;
};
template <class Context>
struct basic_format_args {
  unsigned long long desc;
  const void* values;
};
struct appender;
template <class Out, class Char>
struct basic_format_context;
using context = basic_format_context<appender, char>;
FOREIGN std::string vformat(basic_string_view<char>, basic_format_args<context>) {
  mixed_up("fmt");
}
namespace detail {
template <class Char>
struct buffer;
FOREIGN void throw_format_error(const char*) {
  mixed_up("fmt");
}
FOREIGN bool is_printable(unsigned) {
  mixed_up("fmt");
}
}  // namespace detail
}  // namespace fmt::inline v9

namespace rapidjson {
struct CrtAllocator {
  void* Malloc(std::size_t);
};
FOREIGN void* CrtAllocator::Malloc(std::size_t) {
  mixed_up("RapidJSON");
}
}  // namespace rapidjson

#include <dojo/client.hpp>
#include <dojo/wire/wallet.hpp>

namespace {
struct Echo {
  std::string message;
};
DOJO_MODEL(Echo, message)
}  // namespace

/// consumer URL HOTKEY WALLET
int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const auto wallet = dojo::wire::load_wallet(argv[3]);
  if (!wallet) return std::puts(wallet.error().message.c_str()), 1;
  if (dojo::wire::load_wallet("/dev/null")) return 1;  // what it says is put together by fmt
  dojo::Client client(wallet->keypair);
  const auto answer = client.send(argv[1], Echo{"caf\u00e9 \"1\""}, {.to = std::string(argv[2])});
  if (answer.ok() && answer.body->message == "caf\u00e9 \"1\"") return std::puts("answered"), 0;
  const auto why =
      answer.exception ? answer.exception->message : answer.error.value_or("no answer");
  return std::puts(why.c_str()), 1;
}
