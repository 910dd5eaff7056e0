#include <cstdio>
#include <memory>
#include <string>

#include <fmt/format.h>

#include <dojo/client.hpp>

#include "command.hpp"
#include "input.hpp"
#include "interrupt.hpp"
#include "json_print.hpp"
#include "request_options.hpp"
#include "text/terminal.hpp"

namespace dojo::cli {
namespace {

struct Send {
  std::string url;
  std::string model;
  std::string json;
  bool verbose = false;
  RequestOptions request;

  int run() const;
  static void describe(const ClientResponse& http);
};

double ms(std::chrono::microseconds time) {
  return static_cast<double>(time.count()) / 1000;
}

// Answers' headers, times and sizes; never what was signed, nor with what.
void Send::describe(const ClientResponse& http) {
  std::string text = fmt::format("* {}\n* attempts {}, HTTP status {}\n", text::escaped(http.url),
                                 http.attempts, http.status);
  for (const auto& [name, value] : http.headers) {
    text += fmt::format("< {}: {}\n", text::escaped(name), text::escaped(value));
  }
  const auto& t = http.timings;
  text += fmt::format(
      "* ms: resolved {:.1f}, connected {:.1f}, tls {:.1f}, first byte {:.1f}, last byte {:.1f} | "
      "preflight {:.1f}, queued {:.1f}, back-off {:.1f}, overall {:.1f}\n",
      ms(t.resolved), ms(t.connected), ms(t.secured), ms(t.first_byte), ms(t.exchange),
      ms(t.preflight), ms(t.queued), ms(t.backoff), ms(t.overall));
  const auto& s = http.sizes;
  text +=
      fmt::format("* bytes: json {} -> body {} out, body {} -> json {} in; wire {} out, {} in\n",
                  s.json_out, s.body_out, s.body_in, s.json_in, s.wire_out, s.wire_in);
  std::fputs(text.c_str(), stderr);
}

/// Whether the body is all of an answer, if not always of a good one.
bool is_whole(const StdResponse<RawJson>& response) {
  if (!response.exception) return true;
  const auto kind = response.exception->kind;
  return kind == SendError::Kind::status || kind == SendError::Kind::redirect;
}

int Send::run() const {
  auto body = read_json(json);
  auto options = request.send_options();
  auto key = body && options ? request.key() : fail("");
  if (!body || !options || !key) {
    complain((!body ? body.error() : !options ? options.error() : key.error()).message);
    return kUsage;
  }
  const Interrupt interrupt;
  options->stop = interrupt.token();
  Client client(std::move(*key), request.client_options());
  const auto response = client.send_json(url, model, std::move(*body), *options);
  const auto& http = response.client_response;
  if (verbose) describe(http);
  if (is_whole(response) && check_json(http.raw_body)) {
    std::puts(json_for_stdout(http.raw_body).c_str());
  }
  if (!response.ok()) complain(complaint_about(response));
  if (const auto hint = hint_about(response, options->to.has_value())) complain(*hint);
  return exit_code_of(response);
}

}  // namespace

void add_send(CLI::App& app, int& exit_code) {
  auto send = std::make_shared<Send>();
  auto* command =
      app.add_subcommand("send", "Post one model and print the answer (indented on a terminal)");
  command->add_option("URL", send->url, "Miner, such as 203.0.113.7:8888")->required();
  command->add_option("MODEL", send->model, "The model's name, which is the route's")->required();
  command->add_option("JSON", send->json, "A JSON object, @file, or - for stdin")->required();
  command->add_flag("-v,--verbose", send->verbose, "Headers, times and sizes on stderr");
  send->request.add_to(*command);
  command->footer("");
  command->callback([send, &exit_code] { exit_code = send->run(); });
}

}  // namespace dojo::cli
