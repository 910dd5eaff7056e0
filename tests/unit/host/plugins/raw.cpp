// Routes that take and give bytes, and two that are a model's but for their path: one of them
// answers in chunks.
#include <string>

#include <dojo/plugin.hpp>

namespace {

struct Score {
  int value = 0;
};
DOJO_MODEL(Score, value)

Score score(Score request) {
  ++request.value;
  return request;
}

struct Repeat {
  std::uint16_t times = 0;
  std::string text;
};
DOJO_MODEL(Repeat, times, text)
struct Repeated {
  std::string text;
};
DOJO_MODEL(Repeated, text)

dojo::Stream<Repeated> repeat(Repeat request) {
  const Repeated chunk{std::move(request.text)};
  for (std::uint16_t i = 0; i < request.times; ++i) co_yield chunk;
}

/// What it was asked, in words, and the body behind them.
dojo::RawAnswer show(dojo::Context& call, dojo::RawRequest request) {
  std::string text = std::string(request.method) + ' ' + std::string(request.target);
  text += " uid=" + (call.uid() ? std::to_string(*call.uid()) : "none");
  text += " stake=" + std::to_string(static_cast<int>(call.stake()));
  text += std::string(" permit=") + (call.validator_permit() ? "yes" : "no");
  text += " X-Test=" + std::string(call.header("x-TEST").value_or("none")) + '\n';
  return {.body = text + std::string(request.body), .content_type = "text/plain"};
}

/// What the query of its target says: the handler's status, and a field of its own.
dojo::RawAnswer status(dojo::RawRequest request) {
  const auto last = request.target.substr(request.target.rfind('/') + 1);
  if (last == "none") return {.content_type = ""};
  if (last == "split") return {.headers = {{"x-own", "a\r\nx-other: b"}}};
  if (last == "throws") throw dojo::HttpError(422, "not this one");
  return {.body = "as you say",
          .status = std::stoi(std::string(last)),
          .headers = {{"X-Own", "yes"},
                      {"X-Dojo-Code", "mine"},
                      {"X-Request-Id", "mine"},
                      {"X-TW-Resp-Hotkey", "mine"},
                      {"Content-Length", "1"},
                      {"Connection", "close"}}};
}

void later(dojo::Context& call, dojo::RawRequest request, dojo::Reply<dojo::RawAnswer> reply) {
  auto held = std::make_shared<dojo::Reply<dojo::RawAnswer>>(std::move(reply));
  const bool posted = call.post([held, request] {
    held->send({.body = std::string(request.target) + ' ' + std::string(request.body) + ' ' +
                        std::string(held->context().header("x-test").value_or("none")),
                .content_type = "text/plain"});
  });
  if (!posted) held->fail(dojo::HttpError(503, "busy"));
}

std::optional<std::string> nobody_deletes(const dojo::Context&, const dojo::RawRequest& request) {
  return request.method == "DELETE" ? std::optional<std::string>("not here") : std::nullopt;
}

}  // namespace

DOJO_PLUGIN(
    "raw", "1.0.0",
    dojo::raw("show", show).path("/v1/*").methods({"GET", "POST", "DELETE"}).verify(nobody_deletes),
    dojo::raw("status", status).path("/v1/status/*"), dojo::raw("later", later),
    dojo::raw("headed", show).path("/headed").methods({"GET", "HEAD"}),
    dojo::handle(score).path("/v1/score"), dojo::stream(repeat).path("/v1/repeat"))
