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

namespace dojo::cli {
namespace {

struct Send {
  std::string url;
  std::string model;
  std::string json;
  bool verbose = false;
  ProofOption proof;
  RequestOptions request;

  int run() const;
};

int Send::run() const {
  auto body = read_json(json);
  auto options = proof.ask(request.send_options());
  auto key = body && options ? request.key() : fail("");
  if (!body || !options || !key) {
    complain((!body ? body.error() : !options ? options.error() : key.error()).message);
    return kUsage;
  }
  const Interrupt interrupt;
  options->stop = interrupt.token();
  Client client(std::move(*key), request.client_options());
  auto answer = print_chunks(client.open_stream_json(url, model, std::move(*body), *options));
  if (verbose) std::fputs(described(answer).c_str(), stderr);
  if (answer.stream) {
    if (!answer.ok()) complain(answer.reason());
    return proof.keep(answer, exit_code_of(answer.exception, answer.status));
  }
  const auto response = detail::read_model(std::move(answer));
  const auto& http = response.client_response;
  const auto& failure = response.exception;
  if ((!failure || failure->is_an_answer()) && check_json(http.raw_body)) {
    std::puts(json_for_stdout(http.raw_body).c_str());
  }
  if (!response.ok()) complain(response.reason());
  if (const auto hint = hint_about(response.code, options->to.has_value())) complain(*hint);
  return proof.keep(http, exit_code_of(response));
}

}  // namespace

void add_send(CLI::App& app, int& exit_code) {
  auto send = std::make_shared<Send>();
  auto* command = app.add_subcommand("send",
                                     "Post one model and print the answer (indented on a "
                                     "terminal); of a stream, its chunks as they come");
  command->add_option("URL", send->url, "Miner, such as 203.0.113.7:8888")->required();
  command->add_option("MODEL", send->model, "The model's name, which is the route's")->required();
  command->add_option("JSON", send->json, "A JSON object, @file, or - for stdin")->required();
  command->add_flag("-v,--verbose", send->verbose, "Headers, times and sizes on stderr");
  send->proof.add_to(*command);
  send->request.add_to(*command);
  command->footer("");
  command->callback([send, &exit_code] { exit_code = send->run(); });
}

}  // namespace dojo::cli
