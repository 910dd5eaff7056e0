#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include <dojo/client.hpp>

#include "command.hpp"
#include "input.hpp"
#include "interrupt.hpp"
#include "json_print.hpp"
#include "report.hpp"
#include "request_options.hpp"
#include "text/terminal.hpp"

namespace dojo::cli {
namespace {

struct Targets {
  std::vector<std::string> urls;
  std::vector<std::optional<Receiver>> receivers;
};

/// On stderr, if that is a terminal; redrawn at most ten times a second.
class Progress {
 public:
  explicit Progress(std::size_t total) : total_(total), shown_(isatty(STDERR_FILENO) == 1) {}
  ~Progress() {
    if (shown_) std::fputs("\r\x1b[K", stderr);
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void step(bool ok) {
    ++done_;
    failed_ += ok ? 0 : 1;
    const auto now = std::chrono::steady_clock::now();
    if (!shown_ || now - drawn_ < std::chrono::milliseconds(100)) return;
    drawn_ = now;
    const std::size_t filled = done_ * kWidth / total_;
    std::fputs(fmt::format("\r[{:=<{}}{: <{}}] {}/{}, {} not answered", "", filled, "",
                           kWidth - filled, done_, total_, failed_)
                   .c_str(),
               stderr);
  }

 private:
  static constexpr std::size_t kWidth = 40;
  const std::size_t total_;
  const bool shown_;
  std::size_t done_ = 0;
  std::size_t failed_ = 0;
  std::chrono::steady_clock::time_point drawn_;
};

struct Batch {
  std::string file;
  std::string model;
  std::string json;
  std::vector<std::string> urls;
  std::string output = "table";
  std::size_t repeat = 1;
  std::size_t concurrency = 0;
  bool each = false;
  RequestOptions request;

  int run();
  Result<Targets> targets() const;
  Result<std::vector<std::string>> bodies(std::size_t url_count) const;
  Status add_line(const std::string& line, Targets& out) const;
  int send(Targets to, std::vector<std::string> jsons) const;
};

// `url [receiver]`, and whatever stands behind a #.
Status Batch::add_line(const std::string& line, Targets& out) const {
  std::istringstream words(line.substr(0, line.find('#')));
  std::string url;
  std::string receiver;
  std::string more;
  if (!(words >> url)) return {};
  if (auto good = check_url(url, model); !good) return good;
  std::optional<Receiver> to;
  if (words >> receiver) {
    to.emplace(receiver);
    if (!to->key()) return fail("receiver: " + to->key().error().message);
  }
  if (words >> more)
    return fail(fmt::format("\"{}\": expected a url, and perhaps a receiver", more));
  out.urls.push_back(url);
  out.receivers.push_back(to);
  return {};
}

Result<Targets> Batch::targets() const {
  Targets out;
  for (const auto& url : urls) {
    if (auto good = add_line(url, out); !good) return fail("--url: " + good.error().message);
  }
  if (!file.empty()) {
    auto text = read_file(file);
    if (!text) return Unexpected(std::move(text.error()));
    std::istringstream lines(*text);
    std::string line;
    for (int number = 1; std::getline(lines, line); ++number) {
      if (auto good = add_line(line, out); !good) {
        return fail(fmt::format("{}:{}: {}", file, number, good.error().message));
      }
    }
  }
  if (out.urls.empty()) return fail(fmt::format("{}: holds no urls", file));
  return out;
}

Result<std::vector<std::string>> Batch::bodies(std::size_t url_count) const {
  auto text = read_json(json);
  if (!text) return Unexpected(std::move(text.error()));
  if (!each) return std::vector<std::string>{std::move(*text)};
  std::vector<std::string> out;
  std::istringstream lines(*text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    if (auto good = check_json(line); !good) {
      return fail(fmt::format("{}:{}: {}", json, number, good.error().message));
    }
    out.push_back(line);
  }
  if (out.size() == url_count || (url_count == 1 && !out.empty())) return out;
  return fail(fmt::format("--each: {} bodies for {} urls; give as many, or a single url",
                          out.size(), url_count));
}

int Batch::run() {
  if (json.empty() && !urls.empty()) {  // MODEL JSON: --url stands for the file
    json = std::exchange(model, std::exchange(file, {}));
  }
  if (json.empty() || file.empty() == urls.empty()) {
    complain("expected FILE MODEL JSON, or --url URL MODEL JSON; see dojo batch --help");
    return kUsage;
  }
  auto to = targets();
  auto jsons = to ? bodies(to->urls.size()) : Unexpected(to.error());
  if (!jsons) {
    complain(jsons.error().message);
    return kUsage;
  }
  if (to->urls.size() < jsons->size()) {  // one url for many bodies
    to->urls.resize(jsons->size(), to->urls.front());
    to->receivers.resize(jsons->size(), to->receivers.front());
  }
  return send(std::move(*to), std::move(*jsons));
}

int Batch::send(Targets to, std::vector<std::string> jsons) const {
  auto options = request.send_options();
  auto key = options ? request.key() : fail("");
  if (!options || !key) {
    complain((!options ? options.error() : key.error()).message);
    return kUsage;
  }
  const std::size_t count = to.urls.size();
  const std::size_t json_count = jsons.size();
  for (std::size_t i = count; i < count * repeat; ++i) {
    to.urls.push_back(to.urls[i - count]);
    to.receivers.push_back(to.receivers[i - count]);
    if (each) jsons.push_back(jsons[i - json_count]);
  }
  const Interrupt interrupt;
  BatchOptions<RawJson> batch;
  batch.send = std::move(*options);
  batch.send.stop = interrupt.token();
  batch.concurrency = concurrency;
  batch.receivers = std::move(to.receivers);
  auto progress = std::make_unique<Progress>(to.urls.size());
  batch.on_result = [&](std::size_t, const StdResponse<RawJson>& response) {
    progress->step(response.ok());
  };
  Client client(std::move(*key), request.client_options());
  const auto start = std::chrono::steady_clock::now();
  auto answers = client.batch_send_json_async(to.urls, model, jsons, batch);
  if (!answers) {
    complain(answers.error().message);
    return kUsage;
  }
  const auto results = answers->get();
  const auto wall = std::chrono::steady_clock::now() - start;
  progress.reset();
  for (std::size_t i = 0; i < results.size(); ++i) {
    const bool named = batch.send.to || batch.receivers[i];
    const auto hint = hint_about(results[i].code, named);
    if (!hint) continue;
    complain(*hint);
    break;
  }
  for (const auto& response : results) {
    if (exit_code_of(response) != kUsage) continue;
    complain(response.reason());
    break;
  }
  auto said = output == "jsonl" ? json_lines(results) : table(results, wall);
  if (stdout_is_terminal()) {
    said = output == "jsonl" ? text::escaped_json(said) : text::escaped(said, "\n");
  }
  std::fputs(said.c_str(), stdout);
  return exit_code_of(results);
}

}  // namespace

void add_batch(CLI::App& app, int& exit_code) {
  auto batch = std::make_shared<Batch>();
  auto* command = app.add_subcommand("batch", "Post to many miners at once, and sum up");
  command->footer("");
  command
      ->add_option("FILE", batch->file,
                   "Urls, one a line, perhaps with the receiver's SS58 address behind it; # begins "
                   "a comment; - for stdin. Left out with --url")
      ->required();
  command->add_option("MODEL", batch->model, "The model's name, which is the route's")->required();
  command->add_option("JSON", batch->json, "A JSON object, @file, or - for stdin");
  command->add_option("--url", batch->urls, "A url, instead of FILE; may be repeated")
      ->allow_extra_args(false);
  command->add_flag("--each", batch->each,
                    "JSON holds one object a line: the first for the first url, and so on, or all "
                    "for the only url");
  command->add_option("--repeat", batch->repeat, "Send everything so often")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command
      ->add_option("--concurrency", batch->concurrency,
                   "Requests under way at once; 0: as many as connections (256, 10 a host)")
      ->capture_default_str();
  command->add_flag("--session", batch->request.sessions,
                    "Ask each named receiver for a session: one signature for many requests");
  command->add_option("--output", batch->output, "table, or jsonl: one result a line")
      ->check(CLI::IsMember({"table", "jsonl"}))
      ->capture_default_str();
  batch->request.add_to(*command);
  command->callback([batch, &exit_code] { exit_code = batch->run(); });
}

}  // namespace dojo::cli
