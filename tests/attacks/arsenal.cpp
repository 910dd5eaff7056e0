#include "arsenal.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <zstd.h>

namespace dojo::attacks {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kStrangers = 2'000;
constexpr std::size_t kBombBytes = std::size_t{64} << 20;
constexpr std::size_t kHeavyBytes = std::size_t{12} << 20;
constexpr std::size_t kForgeries = 256;
constexpr std::array<std::size_t, 4> kUnfinished{4'000'000, 100'000, 8'000, 800};  // bytes
constexpr std::string_view kEcho = "/Echo";
constexpr std::string_view kScore = "/ScoreRequest";

/// How long a signed request is sent before it is signed anew. Well within each dialect's window.
milliseconds life_of(Speech speech) {
  switch (speech) {
    case Speech::legacy:
      return std::chrono::hours(1);
    case Speech::dojo1:
      return std::chrono::seconds(20);
    case Speech::epistula2:
      return std::chrono::seconds(5);
  }
  return {};
}

/// Requests that are signed before they are needed.
class Pool {
 public:
  /// @param once none is sent a second time
  Pool(std::vector<Caller> callers, std::vector<Body> bodies, const ArsenalOptions& options,
       bool once, std::string_view path = kEcho)
      : callers_(std::move(callers)),
        bodies_(std::move(bodies)),
        to_(options.to),
        once_(once),
        path_(path) {
    shots_.resize(options.pool);
    for (std::size_t i = 0; i < shots_.size(); ++i) load(i);
  }

  std::string next() {
    const auto place = next_++ % shots_.size();
    auto& shot = shots_[place];
    const bool used_up = once_ && shot.used;
    if (used_up || now() - shot.made > life_of(caller(place).speech())) load(place);
    shot.used = true;
    return shot.bytes;
  }

 private:
  struct Shot {
    std::string bytes;
    WallTime made;
    bool used = false;
  };

  [[nodiscard]] const Caller& caller(std::size_t place) const {
    return callers_[place % callers_.size()];
  }

  void load(std::size_t place) {
    const auto& body = bodies_[place % bodies_.size()];
    shots_[place] = {post(path_, caller(place).sign("POST", path_, to_, body), body.bytes), now(),
                     false};
  }

  std::vector<Caller> callers_;
  std::vector<Body> bodies_;
  wire::PublicKey to_;
  bool once_;
  std::string_view path_;
  std::vector<Shot> shots_;
  std::size_t next_ = 0;
};

Source source_of(Pool pool) {
  return [pool = std::make_shared<Pool>(std::move(pool))] { return pool->next(); };
}

Source impostor(const ArsenalOptions& options) {
  // Signatures of another key: each is a point and a scalar, and costs whoever checks it the whole
  // curve.
  const auto own = wire::Keypair::generate();
  std::vector<wire::SignatureBytes> forgeries;
  for (std::size_t i = 0; i < kForgeries; ++i) forgeries.push_back(own.sign("anything"));
  return [callers = callers_of(options.group, options.keys, options.speeches, {}), forgeries,
          bodies = echo_bodies(8), to = options.to, place = std::size_t{0}]() mutable {
    const auto& body = bodies[place % bodies.size()];
    const auto headers = callers[place % callers.size()].sign("POST", kEcho, to, body,
                                                              &forgeries[place % forgeries.size()]);
    ++place;
    return post_echo(headers, body.bytes);
  };
}

Source replay(const ArsenalOptions& options) {
  std::vector<std::string> captured;
  const auto bodies = echo_bodies(1);
  for (const auto& caller :
       callers_of(options.group, options.speeches.size(), options.speeches, {})) {
    captured.push_back(
        post_echo(caller.sign("POST", kEcho, options.to, bodies[0]), bodies[0].bytes));
  }
  return
      [captured, place = std::size_t{0}]() mutable { return captured[place++ % captured.size()]; };
}

/// @param stated the frame says how much it holds @param window_log what it wants to look back, 0:
/// as zstd chooses
std::string frame(std::string_view text, bool stated, int window_log) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(),
                                                                     &ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_contentSizeFlag, stated ? 1 : 0);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_windowLog, window_log);
  out.resize(ZSTD_compress2(context.get(), out.data(), out.size(), text.data(), text.size()));
  return out;
}

std::vector<Body> bomb_bodies() {
  const std::string text = R"({"message":")" + std::string(kBombBytes, '0') + R"("})";
  const std::string_view whole = text;
  std::string many;
  constexpr std::size_t kPart = kBombBytes / 64;
  for (std::size_t at = 0; at < whole.size(); at += kPart) {
    many += frame(whole.substr(at, kPart), true, 0);
  }
  std::vector<Body> bodies;
  bodies.emplace_back(frame(whole, true, 0));
  bodies.emplace_back(frame(whole, false, 20));
  bodies.emplace_back(frame(whole, false, 27));
  bodies.emplace_back(many);
  return bodies;
}

/// What is within all limits of bodies, and would be some hundred megabytes of members.
std::vector<Body> json_bodies() {
  std::vector<Body> bodies;
  for (const std::string_view member : {R"("")", R"("a")"}) {
    std::string text = R"({"prompt":"","completions":[)";
    while (text.size() < kHeavyBytes) text.append(member).append(",");
    bodies.emplace_back(frame(text.append(member).append("]}"), true, 0));
  }
  return bodies;
}

/// What is answered by as much, which is dear.
std::vector<Body> heavy_bodies() {
  std::vector<Body> bodies;
  bodies.emplace_back(frame(R"({"message":")" + std::string(kHeavyBytes, 'a') + R"("})", true, 0));
  return bodies;
}

/// As a proxy would send it that names its caller.
std::string named(std::string request) {
  return request.insert(request.find("\r\n") + 2, "X-Forwarded-For: 203.0.113.7\r\n");
}

Source proxied(const ArsenalOptions& options) {
  return [next = impostor(options), names = false]() mutable {
    names = !names;
    return names ? named(next()) : next();
  };
}

/// What a log has to write out of a head is as long as it can be, and in bytes that take more room
/// there than they have here.
Source noise() {
  return [wide = std::string(1'000, '\x9b'), odd = false]() mutable {
    odd = !odd;
    return fmt::format(
        "POST /{} HTTP/1.1\r\nHost: 127.0.0.1\r\n{}Content-Length: 2\r\n\r\n{{}}",
        std::string(4'000, 'a'),
        odd ? fmt::format("x-hotkey: {0}\r\nx-message: {0}\r\nx-signature: {0}\r\n", wide)
            : fmt::format("x-hotkey: {}\r\n", wide));
  };
}

}  // namespace

Source make_unfinished(const ArsenalOptions& options) {
  std::vector<Body> bodies;
  for (const auto size : kUnfinished) bodies.emplace_back(std::string(size, 'a'));
  const auto speak = [&options](Speech speech) {
    return callers_of(options.group, 1, {speech}, {}).front();
  };
  return [bodies, proven = speak(Speech::legacy), forger = speak(Speech::epistula2),
          forged = wire::Keypair::generate().sign("anything"), to = options.to,
          turn = std::size_t{0}]() mutable {
    const auto& body = bodies[turn % bodies.size()];
    switch (turn++ % 3) {
      case 0:
        return post_echo(proven.sign("POST", kEcho, to, body), body.bytes);
      case 1:
        return post_echo(forger.sign("POST", kEcho, to, body, &forged), body.bytes);
      default:
        return post_echo({}, body.bytes);
    }
  };
}

Source make_source(std::string_view kind, const ArsenalOptions& options) {
  const auto strangers = [&options] {
    return callers_of("strangers", kStrangers, options.speeches, {});
  };
  const auto insider = [&options] {
    auto callers = callers_of(options.group, options.speeches.size(), options.speeches, {});
    // One key that speaks all dialects, and not a key for each.
    for (auto& caller : callers) caller = Caller(key_of(options.group, 0), caller.speech());
    return callers;
  };
  if (kind == "unsigned") {
    return [] {
      return std::string("POST /Echo HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{}");
    };
  }
  if (kind == "strangers") return source_of({strangers(), echo_bodies(8), options, false});
  if (kind == "sybils") return source_of({strangers(), echo_bodies(8), options, true});
  if (kind == "impostor") return impostor(options);
  if (kind == "replay") return replay(options);
  if (kind == "greedy") return source_of({insider(), echo_bodies(8), options, true});
  if (kind == "heavy") return source_of({insider(), heavy_bodies(), options, true});
  if (kind == "proxied") return proxied(options);
  if (kind == "noise") return noise();
  const bool json = kind == "json";
  if (json || kind == "bombs") {
    auto callers = insider();
    auto others = strangers();
    others.resize(callers.size(), others.front());
    callers.insert(callers.end(), others.begin(), others.end());
    return source_of(
        {callers, json ? json_bodies() : bomb_bodies(), options, true, json ? kScore : kEcho});
  }
  return {};
}

}  // namespace dojo::attacks
