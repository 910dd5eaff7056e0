// What dojo-host makes of btauth/1 requests that somebody else deals out: see
// test_btauth_verdicts.py. All steps of its authentication, in their order; for each window that
// occurs one host, which remembers what it has taken.
//
//   btauth_verdicts SELF NOW        an SS58 address, unix time in ns
//
// Standard input, in batches: how many cases and how many bytes of them follow (u32 both,
// little-endian), then the cases: max_age and skew in ms (u32), whether a receiver is required
// (u8), method, target (u16 and bytes), how many headers (u16), each a name and a value (u16 and
// bytes), and the body (u32 and bytes). Standard output: a line for each case of a batch, the word
// of x-dojo-code. A batch of no cases ends it.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "request/authenticate.hpp"
#include "request/route.hpp"
#include "unit/host/made_head.hpp"

namespace {

using namespace dojo;
using request::Moment;
using std::chrono::milliseconds;

[[noreturn]] void give_up(const char* why) {
  fmt::print(stderr, "{}\n", why);
  std::exit(2);
}

/// A batch as it came.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  template <class Number>
  Number number() {
    Number read = 0;
    const auto bytes = take(sizeof read);
    std::memcpy(&read, bytes.data(), sizeof read);
    return read;
  }
  template <class Size>
  std::string_view text() {
    return take(number<Size>());
  }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  std::string_view take(std::size_t size) {
    if (size > rest_.size()) give_up("a case ends too early");
    return std::exchange(rest_, rest_.substr(size)).substr(0, size);
  }
  std::string_view rest_;
};

struct Case {
  milliseconds max_age{};
  milliseconds skew{};
  bool require_receiver = false;
  std::string_view method;
  std::string_view target;
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  std::string_view body;
};

Case read_case(Reader& from) {
  Case read;
  read.max_age = milliseconds(from.number<std::uint32_t>());
  read.skew = milliseconds(from.number<std::uint32_t>());
  read.require_receiver = from.number<std::uint8_t>() != 0;
  read.method = from.text<std::uint16_t>();
  read.target = from.text<std::uint16_t>();
  read.headers.resize(from.number<std::uint16_t>());
  for (auto& [name, value] : read.headers) {
    name = from.text<std::uint16_t>();
    value = from.text<std::uint16_t>();
  }
  read.body = from.text<std::uint32_t>();
  return read;
}

/// As far as it looks at who asks.
class Host {
 public:
  Host(const wire::PublicKey& self, Moment now, const Case& of)
      : seen_({}, {[now] { return std::chrono::floor<milliseconds>(now); },
                   [] { return milliseconds(0); }}),
        authenticator_(options_for(of), self, seen_, [now] { return now; }) {}

  std::string_view verdict(const Case& asked) {
    const auto head = test::make_head(asked.method, asked.target, asked.headers);
    auto claim = authenticator_.read(head, request::route_of(head.path()));
    if (!claim) return to_string(claim.error().code);
    auto refusal = authenticator_.look_at(*claim, head);
    if (!refusal) refusal = authenticator_.prove(*claim, head);
    if (!refusal) refusal = authenticator_.prove_body(*claim, asked.body);
    return to_string(refusal ? refusal->code : Code::ok);
  }

 private:
  static request::AuthOptions options_for(const Case& of) {
    request::AuthOptions options;
    options.btauth.max_age = of.max_age;
    options.btauth.skew = of.skew;
    options.btauth.require_receiver = of.require_receiver;
    return options;
  }
  policy::ReplayMemory seen_;
  request::Authenticator authenticator_;
};

void read_all(char* into, std::size_t size) {
  if (std::fread(into, 1, size, stdin) != size) give_up("the cases end too early");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) give_up("usage: btauth_verdicts SELF NOW");
  const auto self = wire::decode_ss58(argv[1]);
  if (!self) give_up("SELF is no SS58 address");
  const Moment now(std::chrono::nanoseconds(std::strtoll(argv[2], nullptr, 10)));
  std::map<std::tuple<milliseconds, milliseconds, bool>, std::unique_ptr<Host>> hosts;
  for (;;) {
    std::uint32_t count = 0;
    std::uint32_t size = 0;
    read_all(reinterpret_cast<char*>(&count), sizeof count);
    read_all(reinterpret_cast<char*>(&size), sizeof size);
    if (count == 0) return 0;
    std::string bytes(size, '\0');
    read_all(bytes.data(), bytes.size());
    Reader reader(bytes);
    std::string words;
    for (std::uint32_t i = 0; i < count; ++i) {
      const auto asked = read_case(reader);
      auto& host = hosts[{asked.max_age, asked.skew, asked.require_receiver}];
      if (!host) host = std::make_unique<Host>(self->key, now, asked);
      words.append(host->verdict(asked)).append("\n");
    }
    if (!reader.at_end()) give_up("there is more than the cases of a batch");
    if (std::fwrite(words.data(), 1, words.size(), stdout) != words.size() ||
        std::fflush(stdout) != 0) {
      give_up("nobody reads the verdicts");
    }
  }
}
