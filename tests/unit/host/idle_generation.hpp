// A generation that only says who it is, and a roster that has counted what it is told.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "plugins/run/generation.hpp"
#include "plugins/run/roster.hpp"

namespace dojo::test {

class IdleGeneration final : public plugins::Generation {
 public:
  IdleGeneration(std::string name, std::string sha256) : Generation(blueprint_of(sha256)) {
    introduce(std::move(name), "1.0.0", {});
  }
  [[nodiscard]] bool isolated() const override { return false; }
  std::int32_t handle(const dojo_request& /*request*/,
                      unsigned /*worker*/) const noexcept override {
    return DOJO_FAILED;
  }
  void resume(dojo_request_id /*id*/, unsigned /*worker*/) const noexcept override {}
  plugins::Verdict judge(const dojo_request& /*request*/,
                         unsigned /*worker*/) const noexcept override {
    return {};
  }
  void cancel(dojo_request_id /*id*/) const noexcept override {}
  Status load() override { return {}; }
  Result<std::optional<std::string>> save() override { return std::nullopt; }
  std::optional<Status> ask_health() override { return std::nullopt; }
  plugins::Ending end(std::chrono::milliseconds /*limit*/) override { return {}; }

 private:
  static plugins::Blueprint blueprint_of(const std::string& sha256) {
    plugins::Blueprint made;
    made.sha256 = sha256;
    return made;
  }
};

struct CountedRoster final : plugins::Roster {
  plugins::Tally counted;
  std::vector<double> failures;

  Status prepare(std::shared_ptr<plugins::Generation> /*generation*/) override { return {}; }
  Status activate(const plugins::Generation& /*next*/,
                  const plugins::Generation* /*previous*/) override {
    return {};
  }
  void deactivate(const plugins::Generation& /*generation*/) override {}
  bool retire(const plugins::Generation& /*generation*/, std::chrono::milliseconds /*drain*/,
              std::chrono::milliseconds /*grace*/) override {
    return true;
  }
  void forget(const plugins::Generation& /*generation*/) override {}
  [[nodiscard]] plugins::Tally tally(const plugins::Generation& /*generation*/) const override {
    return counted;
  }
  [[nodiscard]] std::vector<double> failures_by_caller(
      const plugins::Generation& /*generation*/) const override {
    return failures;
  }
};

}  // namespace dojo::test
