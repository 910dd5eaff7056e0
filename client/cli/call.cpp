#include <cstdio>
#include <memory>
#include <string>

#include <dojo/client.hpp>

#include "chunks.hpp"
#include "command.hpp"
#include "input.hpp"
#include "interrupt.hpp"
#include "json_print.hpp"
#include "proof_option.hpp"
#include "report.hpp"
#include "request_options.hpp"
#include "text/terminal.hpp"

namespace dojo::cli {
namespace {

struct Call {
  std::string url;
  std::string body;
  Request http;
  bool verbose = false;
  ProofOption proof;
  RequestOptions request;

  int run();
};

int Call::run() {
  auto bytes = read_bytes(body);
  auto options = proof.ask(request.send_options());
  auto key = bytes && options ? request.key() : fail("");
  if (!bytes || !options || !key) {
    complain((!bytes ? bytes.error() : !options ? options.error() : key.error()).message);
    return kUsage;
  }
  const Interrupt interrupt;
  options->stop = interrupt.token();
  http.body = std::move(*bytes);
  Client client(std::move(*key), request.client_options());
  const auto response = print_chunks(client.open_stream_request(url, std::move(http), *options));
  if (verbose) std::fputs(described(response).c_str(), stderr);
  if (!response.stream && (!response.exception || response.exception->is_an_answer())) {
    const auto& answer = response.body();
    const auto shown = stdout_is_terminal() ? text::escaped(answer, "\n\t") : answer;
    std::fwrite(shown.data(), 1, shown.size(), stdout);
  }
  if (!response.ok()) complain(response.reason());
  if (const auto hint = hint_about(response.code, options->to.has_value())) complain(*hint);
  return proof.keep(response, exit_code_of(response.exception, response.status));
}

}  // namespace

void add_call(CLI::App& app, int& exit_code) {
  auto call = std::make_shared<Call>();
  auto* command = app.add_subcommand("call",
                                     "Send any request, signed, and write the answer's body to "
                                     "stdout as it comes; of a stream, its chunks");
  command->add_option("METHOD", call->http.method, "GET, POST, …")->required();
  command->add_option("URL", call->url, "Such as 203.0.113.7:8888/v1/translate?to=de")->required();
  command->add_option("BODY", call->body,
                      "The body itself, @file, or - for stdin; no body without");
  command->add_option("--content-type", call->http.content_type, "Of the body");
  command->add_flag("-v,--verbose", call->verbose, "Headers, times and sizes on stderr");
  call->proof.add_to(*command);
  call->request.add_to(*command);
  command->footer("");
  command->callback([call, &exit_code] { exit_code = call->run(); });
}

}  // namespace dojo::cli
