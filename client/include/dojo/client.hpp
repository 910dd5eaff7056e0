// dojo::Client sends typed models to miners, signed, compressed, many at once.
//
//   dojo::Client client(wallet.keypair);
//   auto answer = client.send("203.0.113.7:8888", Echo{.message = "hi"}, {.to = hotkey});
//   if (answer.ok()) use(answer.body->message);
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <dojo/client/options.hpp>
#include <dojo/client/response.hpp>
#include <dojo/client/stream.hpp>
#include <dojo/model.hpp>
#include <dojo/result.hpp>
#include <dojo/wire/keypair.hpp>

namespace dojo {

namespace detail {

struct Payload;  // a body, encoded and compressed once, for any number of requests
using PayloadPtr = std::shared_ptr<const Payload>;
class Engine;
class Batch;

using Deliver = std::function<void(Response&&)>;
using DeliverNth = std::function<void(std::size_t, Response&&)>;

template <class Answer, class Request>
using AnswerOf = std::conditional_t<std::is_void_v<Answer>, Request, Answer>;

/// Turns the type-erased answer into the typed one.
template <class Answer>
StdResponse<Answer> typed(Response&& response) {
  auto raw = read_model(std::move(response));
  if constexpr (std::is_same_v<Answer, RawJson>) {
    return raw;
  } else {
    StdResponse<Answer> out;
    if (raw.body) {
      auto model = from_json<Answer>(raw.body->text);
      if (model) {
        out.body = std::move(*model);
      } else if (!raw.error && !raw.exception) {
        const bool large = model.error().code == Code::too_large;
        out.exception =
            SendError{large ? SendError::Kind::too_large : SendError::Kind::invalid_body,
                      "the answer's body is no " + std::string(model_name<Answer>()) + ": " +
                          model.error().message};
      }
    }
    if (raw.exception) out.exception = std::move(raw.exception);
    out.error = std::move(raw.error);
    out.metadata = std::move(raw.metadata);
    out.code = raw.code;
    out.client_response = std::move(raw.client_response);
    return out;
  }
}

/// The same where nobody is there to catch: what cannot be read here is an answer too.
template <class Answer>
StdResponse<Answer> typed_or_failed(Response&& response) noexcept {
  try {
    return typed<Answer>(std::move(response));
  } catch (...) {
    StdResponse<Answer> out;
    out.exception = internal_error();
    out.client_response = std::move(response);
    return out;
  }
}

}  // namespace detail

/// Whether a request for a model could be sent there: an error says what is wrong with the url or
/// the name. Any thread.
Status check_url(std::string_view url, std::string_view model_name);

/// Sends requests, of models or of any bytes, and reads answers, over libcurl, on two threads of
/// its own: one for the connections, one that decodes what arrives and calls back, so that neither
/// waits for the other. Connections are kept and used again. Every member may be called from any
/// thread; those that wait for an answer refuse to be called in a callback. Nothing here throws but
/// the constructor, and std::bad_alloc on the caller's thread.
class Client {
 public:
  /// @param key signs the requests.
  /// @throws std::invalid_argument for options that cannot work; std::runtime_error if libcurl
  /// cannot start, or there are no threads or descriptors left for it.
  explicit Client(wire::Keypair key, ClientOptions options = {});

  /// Cancels what is under way (each request still gets its answer, `cancelled`), and waits for the
  /// threads. Not to be called in a callback.
  ~Client();
  Client(Client&& other) noexcept;
  Client& operator=(Client&& other) noexcept;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Posts `model` to `<url>/<its name>` and waits for the answer.
  /// @param url `http://` is put before it if it has no scheme; may have a path, but neither query,
  /// fragment nor credentials.
  /// @tparam Answer the model to read, if it is another than the request's: `send<Reply>(url,
  /// call)`.
  template <class Answer = void, Model Request>
  StdResponse<detail::AnswerOf<Answer, Request>> send(std::string_view url, const Request& model,
                                                      const SendOptions& options = {}) {
    using Body = detail::AnswerOf<Answer, Request>;
    if (on_own_thread()) return detail::typed<Body>(refuse_to_wait());
    return send_async<Answer>(url, model, options).get();
  }

  /// The same, without waiting.
  template <class Answer = void, Model Request>
  std::future<StdResponse<detail::AnswerOf<Answer, Request>>> send_async(
      std::string_view url, const Request& model, const SendOptions& options = {}) {
    return submit<detail::AnswerOf<Answer, Request>>(url, encode(model, options), options);
  }

  /// Sends any request and waits for the answer: the miner need know neither models nor envelopes.
  /// @param url the whole of it, as in send(), and it may have a query; only btauth/1 signs that.
  Response request(std::string_view url, Request request, const SendOptions& options = {});
  /// The same, without waiting.
  std::future<Response> request_async(std::string_view url, Request request,
                                      const SendOptions& options = {});

  /// Posts `model`, and reads the answer in chunks as they come. Does not wait. Limits are those of
  /// `options.stream`; it is not tried again once the stream has begun.
  template <class Chunk, Model Request>
  ChunkStream<Chunk> open_stream(std::string_view url, const Request& model,
                                 const SendOptions& options = {}) {
    return ChunkStream<Chunk>(open(url, encode(model, options), options));
  }
  /// Posts `model`, and calls `on_chunk(Chunk)` for each chunk as it comes, on this thread.
  /// @param on_chunk returns void; or bool, false to read no more @return what came of it all:
  /// before that nothing of it is proven
  template <class Chunk, Model Request, std::invocable<Chunk> OnChunk>
  Response send_stream(std::string_view url, const Request& model, OnChunk on_chunk,
                       const SendOptions& options = {}) {
    if (on_own_thread()) return refuse_to_wait();
    auto stream = open_stream<Chunk>(url, model, options);
    while (auto chunk = stream.next()) {
      if constexpr (std::is_same_v<std::invoke_result_t<OnChunk&, Chunk>, bool>) {
        if (!on_chunk(std::move(*chunk))) stream.cancel();
      } else {
        on_chunk(std::move(*chunk));
      }
    }
    return stream.result();
  }
  /// The same of JSON text that is already written, and of any request.
  ChunkStream<RawJson> open_stream_json(std::string_view url, std::string_view model_name,
                                        std::string json, const SendOptions& options = {});
  ChunkStream<RawJson> open_stream_request(std::string_view url, Request request,
                                           const SendOptions& options = {});

  /// Posts JSON text that is already written. `json` must be one object.
  StdResponse<RawJson> send_json(std::string_view url, std::string_view model_name,
                                 std::string json, const SendOptions& options = {});
  std::future<StdResponse<RawJson>> send_json_async(std::string_view url,
                                                    std::string_view model_name, std::string json,
                                                    const SendOptions& options = {});

  /// Posts one model to many miners: it is encoded and compressed once. Results are in the order of
  /// `urls`.
  template <class Answer = void, Model Request>
  std::vector<StdResponse<detail::AnswerOf<Answer, Request>>> batch_send(
      const std::vector<std::string>& urls, const Request& model,
      const BatchOptions<detail::AnswerOf<Answer, Request>>& options = {}) {
    using Body = detail::AnswerOf<Answer, Request>;
    if (on_own_thread()) return refuse_to_wait_for<Body>(urls.size());
    return batch_send_async<Answer>(urls, model, options).get();
  }

  template <class Answer = void, Model Request>
  std::future<std::vector<StdResponse<detail::AnswerOf<Answer, Request>>>> batch_send_async(
      const std::vector<std::string>& urls, const Request& model,
      const BatchOptions<detail::AnswerOf<Answer, Request>>& options = {}) {
    auto payload = encode(model, options.send);
    return submit_batch(urls, options, [&](std::size_t) { return payload; });
  }

  /// Posts models[i] to urls[i]. Each is on its way while the next is encoded.
  /// @return an error, and nothing is sent, if there are not as many models as urls.
  template <class Answer = void, Model Request>
  Result<std::vector<StdResponse<detail::AnswerOf<Answer, Request>>>> batch_send(
      const std::vector<std::string>& urls, const std::vector<Request>& models,
      const BatchOptions<detail::AnswerOf<Answer, Request>>& options = {}) {
    using Body = detail::AnswerOf<Answer, Request>;
    if (on_own_thread()) return refuse_to_wait_for<Body>(urls.size());
    auto batch = batch_send_async<Answer>(urls, models, options);
    if (!batch) return Unexpected(std::move(batch.error()));
    return batch->get();
  }

  template <class Answer = void, Model Request>
  Result<std::future<std::vector<StdResponse<detail::AnswerOf<Answer, Request>>>>> batch_send_async(
      const std::vector<std::string>& urls, const std::vector<Request>& models,
      const BatchOptions<detail::AnswerOf<Answer, Request>>& options = {}) {
    if (auto same = same_length(urls.size(), models.size()); !same) {
      return Unexpected(std::move(same.error()));
    }
    return submit_batch(urls, options,
                        [&](std::size_t i) { return encode(models[i], options.send); });
  }

  /// Posts JSON texts, all for one model name: jsons[i] to urls[i], or the only one to all urls.
  Result<std::future<std::vector<StdResponse<RawJson>>>> batch_send_json_async(
      const std::vector<std::string>& urls, std::string_view model_name,
      const std::vector<std::string>& jsons, const BatchOptions<RawJson>& options = {});

 private:
  using Encoded = Result<detail::PayloadPtr>;

  template <class Body>
  struct BatchState {
    std::vector<StdResponse<Body>> results;
    std::function<void(std::size_t, const StdResponse<Body>&)> on_result;
    std::promise<std::vector<StdResponse<Body>>> done;
    std::size_t left = 0;  // results are only touched on the thread that calls back
  };

  template <Model Request>
  Encoded encode(const Request& model, const SendOptions& options) const {
    auto json = to_json(model);
    if (!json) return Unexpected(std::move(json.error()));
    return encode_json(model_name<Request>(), std::move(*json), options);
  }

  template <class Body>
  std::future<StdResponse<Body>> submit(std::string_view url, Encoded payload,
                                        const SendOptions& options) {
    auto promise = std::make_shared<std::promise<StdResponse<Body>>>();
    auto future = promise->get_future();
    submit_raw(url, std::move(payload), options,
               [promise = std::move(promise)](Response&& response) {
                 promise->set_value(detail::typed_or_failed<Body>(std::move(response)));
               });
    return future;
  }

  template <class Body, class PayloadOf>
  std::future<std::vector<StdResponse<Body>>> submit_batch(const std::vector<std::string>& urls,
                                                           const BatchOptions<Body>& options,
                                                           PayloadOf payload_of) {
    auto state = std::make_shared<BatchState<Body>>();
    state->results.resize(urls.size());
    state->left = urls.size();
    state->on_result = options.on_result;
    auto future = state->done.get_future();
    if (urls.empty()) {
      state->done.set_value({});
      return future;
    }
    const auto batch = open_batch(options.concurrency, [state](std::size_t i, Response&& response) {
      settle(*state, i, std::move(response));
    });
    for (std::size_t i = 0; i < urls.size(); ++i) {
      SendOptions send = options.send;
      if (!options.receivers.empty()) {
        if (i >= options.receivers.size()) {
          add_to_batch(batch, i, urls[i], too_few_receivers(), std::move(send));
          continue;
        }
        if (options.receivers[i]) send.to = options.receivers[i];
      }
      add_to_batch(batch, i, urls[i], payload_of(i), std::move(send));
    }
    return future;
  }

  template <class Body>
  static void settle(BatchState<Body>& state, std::size_t index, Response&& response) {
    state.results[index] = detail::typed_or_failed<Body>(std::move(response));
    if (state.on_result) {
      try {
        state.on_result(index, state.results[index]);
      } catch (...) {  // NOLINT(bugprone-empty-catch): promised in BatchOptions::on_result
      }
    }
    if (--state.left == 0) state.done.set_value(std::move(state.results));
  }

  template <class Body>
  static std::vector<StdResponse<Body>> refuse_to_wait_for(std::size_t count) {
    std::vector<StdResponse<Body>> refused;
    refused.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      refused.push_back(detail::typed<Body>(refuse_to_wait()));
    }
    return refused;
  }

  static Response refuse_to_wait();
  static Status same_length(std::size_t urls, std::size_t models);
  static Encoded too_few_receivers();
  [[nodiscard]] bool on_own_thread() const;
  [[nodiscard]] Encoded encode_json(std::string_view model_name, std::string json,
                                    const SendOptions& options) const;
  [[nodiscard]] Encoded encode_bytes(Request request, const SendOptions& options) const;
  [[nodiscard]] Encoded encode_payload(detail::Payload&& payload, const SendOptions& options) const;
  void submit_raw(std::string_view url, Encoded payload, const SendOptions& options,
                  detail::Deliver deliver);
  detail::StreamReader open(std::string_view url, Encoded payload, const SendOptions& options);
  std::shared_ptr<detail::Batch> open_batch(std::size_t concurrency, detail::DeliverNth deliver);
  static void add_to_batch(const std::shared_ptr<detail::Batch>& batch, std::size_t index,
                           std::string_view url, Encoded payload, SendOptions options);

  std::unique_ptr<detail::Engine> engine_;
};

}  // namespace dojo
