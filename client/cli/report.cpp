#include "report.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "input.hpp"
#include "json_print.hpp"
#include "request_options.hpp"
#include "text/terminal.hpp"

namespace dojo::cli {
namespace {

using Response = StdResponse<RawJson>;

// The protocol's word where there is one, else what the way or the envelope tells.
std::string label_of(const Response& response) {
  if (response.code) return std::string(to_string(*response.code));
  if (response.exception && response.exception->kind == SendError::Kind::status) {
    return fmt::format("http {}", response.client_response.status);
  }
  if (response.exception) return std::string(to_string(response.exception->kind));
  return response.error ? "error" : "ok";
}

double milliseconds(const Response& response) {
  return static_cast<double>(response.client_response.timings.exchange.count()) / 1000;
}

// Nearest rank; `sorted` is not empty.
double percentile(const std::vector<double>& sorted, double part) {
  const auto rank = std::ceil(part * static_cast<double>(sorted.size()));
  return sorted[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

void write_text(rapidjson::Writer<rapidjson::StringBuffer>& out, const char* key,
                const std::string& text) {
  out.Key(key);
  out.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

std::string line_of(std::size_t index, const Response& response) {
  const auto& http = response.client_response;
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> out(buffer);
  out.StartObject();
  out.Key("index");
  out.Uint64(index);
  write_text(out, "url", http.url);
  out.Key("ok");
  out.Bool(response.ok());
  write_text(out, "code", label_of(response));
  out.Key("status");
  out.Int(http.status);
  out.Key("attempts");
  out.Int(http.attempts);
  out.Key("ms");
  out.Double(milliseconds(response));
  if (response.error) write_text(out, "error", *response.error);
  if (response.exception) write_text(out, "exception", response.exception->message);
  if (response.body) {
    const auto body = reformat_json(response.body->text, false);
    out.Key("body");
    out.RawValue(body.data(), body.size(), rapidjson::kObjectType);
  }
  out.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

double ms(std::chrono::microseconds time) {
  return static_cast<double>(time.count()) / 1000;
}

std::string_view word_for(AnswerSignature signature) {
  switch (signature) {
    case AnswerSignature::right:
      return "right";
    case AnswerSignature::wrong:
      return "wrong";
    case AnswerSignature::none:
      break;
  }
  return "none";
}

}  // namespace

std::string described(const ClientResponse& http) {
  std::string text =
      fmt::format("* {}\n* attempts {}, HTTP status {}, signature {}\n", text::escaped(http.url),
                  http.attempts, http.status, word_for(http.signature));
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
  return text;
}

std::string table(const std::vector<Response>& results, std::chrono::duration<double> wall) {
  std::size_t answered = 0;
  std::size_t refused = 0;
  std::size_t cancelled = 0;
  std::map<std::string, std::size_t> by_label;
  std::vector<double> times;
  Sizes sum;
  for (const auto& response : results) {
    const auto outcome = exit_code_of(response);
    answered += outcome == kAnswered;
    refused += outcome == kRefused;
    cancelled += outcome == kCancelled;
    if (outcome == kAnswered) times.push_back(milliseconds(response));
    ++by_label[label_of(response)];
    const auto& sizes = response.client_response.sizes;
    if (response.client_response.attempts > 0) {
      sum.json_out += sizes.json_out;
      sum.body_out += sizes.body_out;
    }
    sum.body_in += sizes.body_in;
    sum.json_in += sizes.json_in;
    sum.wire_out += sizes.wire_out;
    sum.wire_in += sizes.wire_in;
  }
  std::ranges::sort(times);
  std::string text =
      fmt::format("requests   {}\nanswered   {}\nrefused    {}\nfailed     {}\n", results.size(),
                  answered, refused, results.size() - answered - refused - cancelled);
  if (cancelled) text += fmt::format("cancelled  {}\n", cancelled);
  text += "by code   ";
  for (const auto& [label, count] : by_label) text += fmt::format(" {} {}", label, count);
  if (!times.empty()) {
    text += fmt::format("\nms         p50 {:.1f}  p90 {:.1f}  p99 {:.1f}  max {:.1f}",
                        percentile(times, 0.5), percentile(times, 0.9), percentile(times, 0.99),
                        times.back());
  }
  text += fmt::format("\nanswers/s  {:.0f} in {:.2f} s\n",
                      static_cast<double>(answered) / std::max(wall.count(), 1e-6), wall.count());
  text += fmt::format(
      "bytes out  json {} -> body {}, wire {}\nbytes in   wire {}, body {} -> json {}\n",
      sum.json_out, sum.body_out, sum.wire_out, sum.wire_in, sum.body_in, sum.json_in);
  return text;
}

std::string json_lines(const std::vector<Response>& results) {
  std::string text;
  for (std::size_t i = 0; i < results.size(); ++i) text += line_of(i, results[i]) + '\n';
  return text;
}

int exit_code_of(const std::vector<Response>& results) {
  const auto count = [&](ExitCode code) {
    return static_cast<std::size_t>(std::ranges::count_if(
        results, [code](const Response& response) { return exit_code_of(response) == code; }));
  };
  if (count(kCancelled) > 0) return kCancelled;
  if (count(kUsage) > 0) return kUsage;
  if (count(kAnswered) == results.size()) return kAnswered;
  return count(kUnreachable) == results.size() ? kUnreachable : kRefused;
}

}  // namespace dojo::cli
