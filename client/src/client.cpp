#include <algorithm>

#include <fmt/format.h>

#include <dojo/client.hpp>

#include "answer.hpp"
#include "batch.hpp"
#include "engine.hpp"
#include "intake.hpp"
#include "payload.hpp"
#include "signing.hpp"
#include "target.hpp"

namespace dojo {
namespace {

ClientOptions with_user_agent(ClientOptions options) {
  if (options.user_agent.empty()) options.user_agent = "dojo/" DOJO_VERSION;
  const auto broken = [](char c) { return c == '\r' || c == '\n' || c == '\0'; };
  if (std::ranges::any_of(options.user_agent, broken)) {
    throw std::invalid_argument("user agent: no line breaks");
  }
  return options;
}

SendError invalid_request(Error error) {
  return {SendError::Kind::invalid_request, std::move(error.message)};
}

Result<detail::Target> target_of(std::string_view url, const detail::Payload& payload) {
  return payload.model.empty() ? detail::make_target(url) : detail::make_target(url, payload.model);
}

detail::Calls make_call(const detail::Engine& engine, std::string_view url,
                        Result<detail::PayloadPtr> payload, SendOptions options) {
  detail::Calls call(1);
  auto& submission = call.front().request;
  submission.options = std::move(options);
  const auto dialect = detail::dialect_of(submission.options, engine.options());
  if (!payload) {
    submission.rejected = invalid_request(std::move(payload.error()));
  } else if (auto good = detail::check_options(submission.options, dialect, engine.key()); !good) {
    submission.rejected = invalid_request(std::move(good.error()));
  } else if (auto target = target_of(url, **payload); !target) {
    submission.rejected = invalid_request(std::move(target.error()));
  } else {
    submission.target = std::move(*target);
    submission.payload = std::move(*payload);
  }
  if (submission.rejected) submission.target.url = url;
  return call;
}

Status check_object(std::string_view json) {
  if (auto valid = check_json(json); !valid) return valid;
  if (json[json.find_first_not_of(" \t\r\n")] == '{') return {};
  return fail("the model's JSON: expected an object", Code::invalid_body);
}

}  // namespace

Status check_url(std::string_view url, std::string_view model_name) {
  auto target = detail::make_target(url, model_name);
  if (!target) return Unexpected(std::move(target.error()));
  return {};
}

Client::Client(wire::Keypair key, ClientOptions options)
    : engine_(
          std::make_unique<detail::Engine>(std::move(key), with_user_agent(std::move(options)))) {}

Client::~Client() = default;
Client::Client(Client&& other) noexcept = default;
Client& Client::operator=(Client&& other) noexcept = default;

Response Client::request(std::string_view url, Request request, const SendOptions& options) {
  if (on_own_thread()) return refuse_to_wait();
  return request_async(url, std::move(request), options).get();
}

std::future<Response> Client::request_async(std::string_view url, Request request,
                                            const SendOptions& options) {
  auto promise = std::make_shared<std::promise<Response>>();
  auto future = promise->get_future();
  submit_raw(url, encode_bytes(std::move(request), options), options,
             [promise = std::move(promise)](Response&& response) {
               promise->set_value(std::move(response));
             });
  return future;
}

StdResponse<RawJson> Client::send_json(std::string_view url, std::string_view model_name,
                                       std::string json, const SendOptions& options) {
  if (on_own_thread()) return detail::read_model(refuse_to_wait());
  return send_json_async(url, model_name, std::move(json), options).get();
}

std::future<StdResponse<RawJson>> Client::send_json_async(std::string_view url,
                                                          std::string_view model_name,
                                                          std::string json,
                                                          const SendOptions& options) {
  auto object = check_object(json);
  return submit<RawJson>(url,
                         object ? encode_json(model_name, std::move(json), options)
                                : Encoded(Unexpected(std::move(object.error()))),
                         options);
}

Result<std::future<std::vector<StdResponse<RawJson>>>> Client::batch_send_json_async(
    const std::vector<std::string>& urls, std::string_view model_name,
    const std::vector<std::string>& jsons, const BatchOptions<RawJson>& options) {
  const auto encoded = [&](const std::string& json) {
    auto object = check_object(json);
    return object ? encode_json(model_name, json, options.send)
                  : Encoded(Unexpected(std::move(object.error())));
  };
  if (jsons.size() == 1) {
    auto payload = encoded(jsons.front());
    return submit_batch(urls, options, [&](std::size_t) { return payload; });
  }
  if (auto same = same_length(urls.size(), jsons.size()); !same) {
    return Unexpected(std::move(same.error()));
  }
  return submit_batch(urls, options, [&](std::size_t i) { return encoded(jsons[i]); });
}

Response Client::refuse_to_wait() {
  return detail::failed({SendError::Kind::invalid_request,
                         "send() would wait for the very thread that it is called on; use "
                         "send_async() in a callback"});
}

Status Client::same_length(std::size_t urls, std::size_t models) {
  if (urls == models) return {};
  return fail(fmt::format("{} urls but {} models: give one model for each url, or a single model "
                          "(not a vector) for all",
                          urls, models),
              Code::malformed);
}

Client::Encoded Client::too_few_receivers() {
  return fail("fewer receivers than urls: give one for each url, or none", Code::malformed);
}

bool Client::on_own_thread() const {
  return engine_->on_own_thread();
}

Client::Encoded Client::encode_json(std::string_view model_name, std::string json,
                                    const SendOptions& options) const {
  if (model_name.empty()) return fail("model name: it is empty", Code::malformed);
  return encode_payload({.model = std::string(model_name), .body = std::move(json)}, options);
}

Client::Encoded Client::encode_bytes(Request request, const SendOptions& options) const {
  if (auto good = detail::check_request(request); !good) return Unexpected(std::move(good.error()));
  return encode_payload({.model = {},
                         .method = std::move(request.method),
                         .content_type = std::move(request.content_type),
                         .body = std::move(request.body)},
                        options);
}

Client::Encoded Client::encode_payload(detail::Payload&& payload,
                                       const SendOptions& options) const {
  const auto dialect = detail::dialect_of(options, engine_->options());
  // Who answers btauth/1 need not know zstd.
  const bool compress = options.compress && dialect != wire::Dialect::btauth1;
  return detail::make_payload(std::move(payload), compress, engine_->options().compression_level,
                              dialect);
}

void Client::submit_raw(std::string_view url, Encoded payload, const SendOptions& options,
                        detail::Deliver deliver) {
  auto call = make_call(*engine_, url, std::move(payload), options);
  call.front().request.deliver = std::move(deliver);
  engine_->submit(std::move(call));
}

detail::StreamReader Client::open(std::string_view url, Encoded payload,
                                  const SendOptions& options) {
  const auto intake = std::make_shared<detail::Intake>(options, options.proof);
  std::stop_source stop;
  auto with_stop = options;
  with_stop.stop = stop.get_token();
  auto call = make_call(*engine_, url, std::move(payload), std::move(with_stop));
  auto& submission = call.front().request;
  submission.intake = intake;
  submission.deliver = [intake](Response&& response) { intake->finish(std::move(response)); };
  detail::StreamReader reader(intake, std::move(stop), options.stop);
  engine_->submit(std::move(call));
  return reader;
}

ChunkStream<RawJson> Client::open_stream_json(std::string_view url, std::string_view model_name,
                                              std::string json, const SendOptions& options) {
  auto object = check_object(json);
  return ChunkStream<RawJson>(open(url,
                                   object ? encode_json(model_name, std::move(json), options)
                                          : Encoded(Unexpected(std::move(object.error()))),
                                   options));
}

ChunkStream<RawJson> Client::open_stream_request(std::string_view url, Request request,
                                                 const SendOptions& options) {
  return ChunkStream<RawJson>(open(url, encode_bytes(std::move(request), options), options));
}

std::shared_ptr<detail::Batch> Client::open_batch(std::size_t concurrency,
                                                  detail::DeliverNth deliver) {
  return std::make_shared<detail::Batch>(*engine_, concurrency, std::move(deliver));
}

void Client::add_to_batch(const std::shared_ptr<detail::Batch>& batch, std::size_t index,
                          std::string_view url, Encoded payload, SendOptions options) {
  batch->add(index, make_call(batch->engine(), url, std::move(payload), std::move(options)));
}

}  // namespace dojo
