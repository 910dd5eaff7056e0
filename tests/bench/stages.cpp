// The stages of a request that cost most, one at a time, a fixed number of times: for who counts
// instructions.
//   bench_stages                 prints the stages' names, and how often each is run
//   bench_stages STAGE           runs it; what is to be counted happens within dojo_stage()
// Each has run once before, so that what is made once is not counted. Everything is derived from
// fixed seeds but the signatures, which are random; there are as many of them as runs.
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <dojo/model.hpp>
#include <dojo/wire/compression.hpp>
#include <dojo/wire/dialect.hpp>
#include <dojo/wire/keypair.hpp>

#include "net/framing.hpp"
#include "request/answer.hpp"
#include "request/authenticate.hpp"
#include "request/route.hpp"
#include "unit/host/made_head.hpp"

using Once = std::function<bool(std::size_t turn)>;

/// What valgrind counts in.
extern "C" [[gnu::noinline]] void dojo_stage(const Once& once, std::size_t first,
                                             std::size_t last) {
  for (auto turn = first; turn < last; ++turn) {
    if (once(turn)) continue;
    fmt::print(stderr, "it fails\n");
    std::exit(1);
  }
}

namespace {

using namespace dojo;

constexpr std::size_t kBody = 8'000;

policy::WallTime now() {
  return policy::WallTime(std::chrono::milliseconds(1'795'370'290'730));
}

wire::Keypair key(std::string_view of) {
  return wire::Keypair::from_seed(wire::hash_body(of));
}

/// A model's JSON that compresses about as well as those that travel.
std::string json(std::size_t size) {
  std::string text = R"({"message": ")";
  for (std::uint32_t number = 1; text.size() < size - 2; number = number * 1664525 + 1013904223) {
    text += fmt::format("word{} ", (number >> 16) % 5'000);
  }
  text.resize(size - 2);
  return text + "\"}";
}

/// The texts that dojo/1 signs, no two alike, and their signatures.
std::vector<std::pair<std::string, wire::SignatureBytes>> signed_texts(const wire::Keypair& caller,
                                                                       std::size_t count) {
  std::vector<std::pair<std::string, wire::SignatureBytes>> texts;
  for (std::size_t i = 0; i < count; ++i) {
    auto text = wire::format_dojo_message({.method = "POST",
                                           .path = "/Echo",
                                           .to = key("host").public_key(),
                                           .time = now(),
                                           .nonce = {static_cast<std::uint8_t>(i)},
                                           .body = wire::hash_body("")});
    auto signature = caller.sign(text);
    texts.emplace_back(std::move(text), signature);
  }
  return texts;
}

using Fields = std::vector<std::pair<std::string, std::string>>;

Fields fields(std::string message) {
  const auto caller = key("caller");
  auto signature = wire::format_signature(caller.sign(message));
  return {{"Host", "miner.example:8091"},
          {"User-Agent", "dojo"},
          {"Accept", "*/*"},
          {"Accept-Encoding", "zstd"},
          {"Content-Type", "application/json"},
          {"X-Hotkey", caller.address()},
          {"X-Message", std::move(message)},
          {"X-Signature", std::move(signature)}};
}

Once parse_head() {
  std::string bytes = "POST /Echo HTTP/1.1\r\n";
  for (const auto& [name, value] : fields(signed_texts(key("caller"), 1).front().first)) {
    bytes += fmt::format("{}: {}\r\n", name, value);
  }
  bytes += "Content-Length: 5\r\n\r\nabcde";
  return [bytes](std::size_t) {
    static const net::Limits kLimits;
    net::Framer framer(kLimits);
    std::string_view rest = bytes;
    return framer.next(rest) == net::Framer::Event::head && framer.take_head().size() == 9 &&
           framer.next(rest) == net::Framer::Event::request && framer.take_body().size() == 5;
  };
}

/// Who is asked what the headers say.
struct Door {
  policy::ReplayMemory seen{{.persist = false}, policy::ReplayClocks::of_the_system()};
  request::Authenticator authenticator{{}, key("host").public_key(), seen, now};
};

Once read_claim(const std::string& message) {
  auto door = std::make_shared<Door>();
  return [door, head = test::make_head("POST", "/Echo", fields(message))](std::size_t) {
    auto claim = door->authenticator.read(head, request::route_of(head.path()));
    return claim && !door->authenticator.look_at(*claim, head);
  };
}

Once verify_unknown(std::size_t times) {
  return [caller = key("caller").public_key(),
          texts = signed_texts(key("caller"), times)](std::size_t turn) {
    return wire::verify(caller, texts[turn].first, texts[turn].second);
  };
}

Once verify_known(std::size_t times) {
  auto known = std::make_shared<wire::KnownKeys>();
  const auto caller = key("caller").public_key();
  const auto texts = signed_texts(key("caller"), times);
  for (int i = 0; i < 3; ++i) known->verify(caller, texts[0].first, texts[0].second);
  return [known, caller, texts](std::size_t turn) {
    return known->knows(caller) && known->verify(caller, texts[turn].first, texts[turn].second);
  };
}

Once answer(bool zstd) {
  request::Terms terms;
  terms.request_id = "357c8ea6-ef90-4564-a99a-9f22892a321d";
  terms.accepts_zstd = zstd;
  return [terms, body = json(kBody)](std::size_t) {
    return !request::make_answer(terms, 200, Code::ok, body, {}, {}).body.empty();
  };
}

struct Stage {
  std::string_view name;
  std::size_t times;
  std::function<Once(std::size_t times)> prepare;
};

const std::vector<Stage>& stages() {
  static const std::vector<Stage> kAll{
      {"head", 200, [](auto) { return parse_head(); }},
      {"claim legacy", 200,
       [](auto) { return read_claim(wire::legacy_message(key("caller").address())); }},
      {"claim dojo/1", 200,
       [](auto) { return read_claim(signed_texts(key("caller"), 1).front().first); }},
      {"verify, unknown key", 50, verify_unknown},
      {"verify, known key", 50, verify_known},
      {"hash 8 KB", 200,
       [](auto) {
         return [text = json(kBody)](std::size_t) { return wire::hash_body(text)[0] != 1; };
       }},
      {"inflate 8 KB", 200,
       [](auto) {
         return [frame = *wire::compress(json(kBody))](std::size_t) {
           return wire::decompress(frame)->size() == kBody;
         };
       }},
      {"check JSON 8 KB", 200,
       [](auto) {
         return [text = json(kBody)](std::size_t) { return check_json(text).has_value(); };
       }},
      {"answer 8 KB", 200, [](auto) { return answer(false); }},
      {"answer 8 KB, deflated", 50, [](auto) { return answer(true); }},
  };
  return kAll;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view wanted = argc == 2 ? argv[1] : "";
  for (const auto& stage : stages()) {
    if (argc == 1) fmt::print("{}\t{}\n", stage.name, stage.times);
    if (stage.name != wanted) continue;
    const auto once = stage.prepare(stage.times + 1);
    if (!once(0)) return 1;
    dojo_stage(once, 1, stage.times + 1);
    return 0;
  }
  return argc == 1 ? 0 : 2;
}
