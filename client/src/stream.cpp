#include <functional>
#include <utility>

#include <dojo/client/stream.hpp>

#include "intake.hpp"

namespace dojo::detail {

struct StreamReader::State {
  struct Stop {
    std::stop_source source;
    void operator()() noexcept { source.request_stop(); }
  };

  State(std::shared_ptr<Intake> from, std::stop_source by, const std::stop_token& also)
      : intake(std::move(from)), stop(by), asked(also, Stop{std::move(by)}) {}

  const std::shared_ptr<Intake> intake;
  std::stop_source stop;
  std::stop_callback<Stop> asked;
};

StreamReader::StreamReader(std::shared_ptr<Intake> intake, std::stop_source stop,
                           const std::stop_token& also)
    : state_(std::make_unique<State>(std::move(intake), std::move(stop), also)) {}

StreamReader::StreamReader(StreamReader&& other) noexcept = default;

StreamReader& StreamReader::operator=(StreamReader&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

StreamReader::~StreamReader() {
  if (state_) state_->stop.request_stop();
}

std::optional<std::string> StreamReader::next() {
  return state_->intake->next();
}

void StreamReader::cancel() {
  state_->stop.request_stop();
}

const Response& StreamReader::result() {
  return state_->intake->result();
}

}  // namespace dojo::detail
