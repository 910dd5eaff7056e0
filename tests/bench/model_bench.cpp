// What models cost: one thread, no sockets.
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <dojo/model.hpp>
#include <dojo/wire/envelope.hpp>

namespace {

using namespace dojo;

struct Ranked {
  std::uint32_t index = 0;
  double score = 0;
};
DOJO_MODEL(Ranked, index, score)

struct ScoreRequest {
  std::string prompt;
  std::vector<std::string> completions;
  std::optional<double> score;
  std::vector<Ranked> ranking;
};
DOJO_MODEL(ScoreRequest, prompt, completions, score, DOJO_DEFAULT(ranking))

/// A model whose JSON is about so many bytes.
ScoreRequest model_of(std::int64_t size) {
  ScoreRequest model{"Why is the sky blue?", {}, 0.5, {}};
  for (std::uint32_t i = 0; static_cast<std::int64_t>(i) * 128 < size; ++i) {
    model.completions.push_back("Because \"short\" waves are scattered more than long ones, no. " +
                                std::to_string(i));
    model.ranking.push_back({i, 1.0 / (1 + i)});
  }
  return model;
}

void read_model(benchmark::State& state) {
  const auto text = *to_json(model_of(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(from_json<ScoreRequest>(text));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(read_model)->Arg(1 << 10)->Arg(1 << 20);

void write_model(benchmark::State& state) {
  const auto model = model_of(state.range(0));
  const auto size = to_json(model)->size();
  for (auto _ : state) benchmark::DoNotOptimize(to_json(model));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(size));
}
BENCHMARK(write_model)->Arg(1 << 10)->Arg(1 << 20);

void check(benchmark::State& state) {
  const auto text = *to_json(model_of(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(check_json(text));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(check)->Arg(1 << 10)->Arg(1 << 20);

void write_envelope(benchmark::State& state) {
  const auto body = *to_json(model_of(state.range(0)));
  for (auto _ : state)
    benchmark::DoNotOptimize(wire::format_envelope(body, std::nullopt, R"({"k":"v"})"));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(write_envelope)->Arg(1 << 10)->Arg(1 << 20);

void read_envelope(benchmark::State& state) {
  const auto text = wire::format_envelope(*to_json(model_of(state.range(0))));
  for (auto _ : state) benchmark::DoNotOptimize(wire::parse_envelope(text));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(read_envelope)->Arg(1 << 10)->Arg(1 << 20);

}  // namespace
