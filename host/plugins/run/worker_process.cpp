#include "plugins/run/worker_process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "base/threads.hpp"
#include "plugins/abi/span.hpp"
#include "plugins/abi/tables.hpp"

namespace dojo::plugins {
namespace {

constexpr int kMessagesInOneGo = 64;  // so that one who floods control does not keep its watcher
constexpr std::size_t kPrintedInOneGo = std::size_t{16} << 10;  // bytes, likewise
constexpr int kLastRounds = 1024;                               // of those, once it has ended
constexpr std::string_view kDied = "the plugin's process ended";
constexpr std::string_view kNotPassed =
    "the request cannot be passed to the plugin's process: there is no memory for it, or there are "
    "too few descriptors";

Status out_of_place(const Message& message) {
  return fail(fmt::format("a message of kind {} on a lane", static_cast<unsigned>(message.kind)));
}

}  // namespace

WorkerProcess::WorkerProcess(const Generation& owner, Services& services, std::size_t max_answer)
    : owner_(owner),
      services_(services),
      max_answer_(max_answer),
      output_([this](std::string_view line) {
        services_.log(owner_, DOJO_LOG_INFO, 0, fmt::format("it printed: {}", line));
      }) {}

Status WorkerProcess::spawn(const std::filesystem::path& program, unsigned lanes) {
  Child::Options options{program, {"serve", std::to_string(lanes)}, {}};
  std::vector<base::Descriptor> theirs;
  // Not the log's own descriptor: what it writes there would stand in the host's name.
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) {
    return fail(fmt::format("cannot make a pipe: {}", std::strerror(errno)));
  }
  printed_ = base::Descriptor(pipe[0]);
  ::fcntl(printed_.get(), F_SETFL, O_NONBLOCK);
  theirs.emplace_back(pipe[1]);
  for (const int standard : {STDOUT_FILENO, STDERR_FILENO}) {
    options.descriptors.emplace_back(pipe[1], standard);
  }
  for (unsigned i = 0; i <= lanes; ++i) {  // control first
    auto ends = Lane::pair();
    if (!ends) return Unexpected(ends.error());
    options.descriptors.emplace_back(ends->second.get(), kControlDescriptor + static_cast<int>(i));
    theirs.push_back(std::move(ends->second));
    if (i == 0) {
      control_.emplace(std::move(ends->first));
    } else {
      tracks_.push_back(std::make_unique<Track>(Track{Lane(std::move(ends->first)), {}}));
    }
  }
  static_assert(kFirstLaneDescriptor == kControlDescriptor + 1);
  auto child = Child::spawn(options);
  if (!child) return Unexpected(child.error());
  child_ = std::move(*child);
  pid_ = child_.pid();
  return {};
}

std::optional<std::int32_t> WorkerProcess::handle(const dojo_request& request, unsigned worker) {
  auto& track = *tracks_.at(worker);
  const auto id = request.id;
  if (!give(id)) return std::nullopt;
  const auto sent = pass(track, message_of(MessageKind::handle, request));
  given(id);
  if (sent == Sent::gone) {
    if (take(id)) return std::nullopt;
    return DOJO_OK;  // bury() has answered it
  }
  if (sent == Sent::failed) {
    if (take(id)) fail_request(id, DOJO_STATUS_FAILED, kNotPassed);
    return DOJO_OK;
  }
  const auto reply = exchange(track, MessageKind::returned);
  if (!reply) {
    if (take(id)) fail_request(id, kWorkerDied, kDied);
    return DOJO_OK;
  }
  if (reply->numbers[0] == DOJO_OK) {
    // It may have said so, and ended, and been buried while this request was still being passed.
    if (left_behind(id)) fail_request(id, kWorkerDied, kDied);
    return DOJO_OK;
  }
  take(id);  // the plugin has not taken it
  return DOJO_FAILED;
}

std::optional<Verdict> WorkerProcess::judge(const dojo_request& request, unsigned worker) {
  auto& track = *tracks_.at(worker);
  if (over_) return std::nullopt;
  const auto sent = pass(track, message_of(MessageKind::judge, request));
  if (sent == Sent::gone) return std::nullopt;
  if (sent == Sent::failed) return Verdict{Code::internal, std::string(kNotPassed)};
  if (const auto reply = exchange(track, MessageKind::verdict)) {
    auto verdict = verdict_of(*reply);
    if (verdict) return std::move(*verdict);
    condemn(verdict.error().message);
  }
  return Verdict{Code::internal, std::string(kDied)};
}

void WorkerProcess::resume(dojo_request_id id, unsigned worker) noexcept {
  if (!has(id)) return;
  auto& track = *tracks_.at(worker);
  const auto sent = pass(track, {MessageKind::resume, {id}, {}});
  if (sent == Sent::yes) exchange(track, MessageKind::returned);
  if (sent == Sent::failed) condemn(kNotPassed);  // or its answer would never end
}

void WorkerProcess::cancel(dojo_request_id id) {
  // Not told if its queue is full of them: it knows the deadline anyway.
  if (has(id)) tell({MessageKind::cancel, {id}, {}});
}

Sent WorkerProcess::pass(Track& track, const Message& message) {
  // Nothing is in the lane before it, so it fits; and who waits for it could wait for ever.
  auto sent = track.lane.send(message, false);
  if (sent == Sent::full) condemn("it does not read what it is sent");
  if (sent == Sent::gone) cut_off();
  return sent == Sent::full ? Sent::gone : sent;
}

std::optional<Message> WorkerProcess::exchange(Track& track, MessageKind awaited) {
  std::optional<Message> reply;
  // What has been read of the lane is lost then, and with it whose turn it is.
  threads::guard([&] { reply = hear_out(track, awaited); },
                 [this](const char* what) { condemn(what); });
  return reply;
}

std::optional<Message> WorkerProcess::hear_out(Track& track, MessageKind awaited) {
  Parcel parcel;
  std::string why;
  for (;;) {
    switch (track.lane.receive(parcel, why)) {
      case Received::parcel:
        break;
      case Received::broken:
        condemn(why);
        return std::nullopt;
      case Received::nothing:
      case Received::gone:
        cut_off();
        return std::nullopt;
    }
    auto message = track.copy.read(parcel, max_answer_);
    if (message && message->kind == awaited) return *message;
    const auto status = message ? act(*message, out_of_place) : Status(Unexpected(message.error()));
    if (status) continue;
    condemn(status.error().message);
    return std::nullopt;
  }
}

bool WorkerProcess::attend(int wake, std::chrono::milliseconds limit, const Hear& hear) {
  // One that is closed is none to poll().
  std::array<pollfd, 4> events{pollfd{control_->socket(), POLLIN, 0},
                               pollfd{child_.pidfd(), POLLIN, 0}, pollfd{wake, POLLIN, 0},
                               pollfd{printed_.get(), POLLIN, 0}};
  const auto ready = ::poll(events.data(), events.size(), static_cast<int>(limit.count()));
  if (ready < 0 && errno != EINTR) return false;
  if (ready <= 0) return true;
  if (events[3].revents != 0) hear_output();
  const bool more = hear_some(hear);
  // Its end can be told from the process alone: a child of its own may hold the sockets open.
  return more && events[1].revents == 0;
}

bool WorkerProcess::hear_some(const Hear& hear) {
  Parcel parcel;
  std::string why;
  for (int i = 0; i < kMessagesInOneGo; ++i) {
    switch (control_->receive(parcel, why, false)) {
      case Received::parcel:
        break;
      case Received::nothing:
        return true;
      case Received::gone:
        return false;
      case Received::broken:
        condemn(why);
        return false;
    }
    auto message = control_copy_.read(parcel, max_answer_);
    const auto status = message ? act(*message, hear) : Status(Unexpected(message.error()));
    if (status) continue;
    condemn(status.error().message);
    return false;
  }
  return true;
}

Status WorkerProcess::act(const Message& message, const Hear& hear) {
  switch (message.kind) {
    case MessageKind::answer:
      return deliver(message);
    case MessageKind::chunk:
      return deliver_chunk(message);
    case MessageKind::full:
      if (has(message.numbers[0])) services_.await_room(owner_, message.numbers[0]);
      return {};
    case MessageKind::log:
    case MessageKind::count:
    case MessageKind::observe: {
      const auto heard = note_of(message);
      if (!heard) return Unexpected(heard.error());
      note(message, *heard);
      return {};
    }
    default:
      return hear(message);
  }
}

void WorkerProcess::note(const Message& message, const Note& heard) {
  switch (message.kind) {
    case MessageKind::count:
      services_.count(owner_, heard.text, heard.value);
      break;
    case MessageKind::observe:
      services_.observe(owner_, heard.text, heard.value);
      break;
    // Not in the name of requests that others have.
    default:
      services_.log(owner_, heard.level, has(heard.id) ? heard.id : 0, heard.text);
  }
}

Status WorkerProcess::deliver(const Message& message) {
  const auto answer = answer_of(message);
  if (!answer) return Unexpected(answer.error());
  if (!take(answer->id)) {
    if (over_) return {};  // it has been answered in its stead
    return fail("it answered a request that it does not have");
  }
  // Not its flags: what comes from another process is looked at.
  const dojo_response response{.struct_size = sizeof response,
                               .status = answer->status,
                               .body = span(answer->body),
                               .error = span(answer->error),
                               .metadata = span(answer->metadata),
                               .release = nullptr,
                               .release_context = nullptr,
                               .fields = span(answer->fields),
                               .flags = 0};
  services_.complete(owner_, answer->id, response);
  return {};
}

/// It may write what there is room for, and knows how much that is.
Status WorkerProcess::deliver_chunk(const Message& message) {
  const auto id = message.numbers[0];
  if (!has(id)) {
    if (over_) return {};
    return fail("it wrote a chunk for a request that it does not have");
  }
  switch (services_.write(owner_, id, message.texts[0])) {
    case DOJO_OK:
    case DOJO_STALE:  // it is told so by a cancel
      return {};
    case DOJO_FULL:
      return fail("it wrote more than there was room for");
    default:
      return fail("it wrote what is no chunk, or for a route that does not stream");
  }
}

void WorkerProcess::bury() noexcept {
  child_.kill();
  child_.wait(Child::kReaping);
  threads::guard([this] { hear_its_last(); }, [](const char*) {});
  cut_off();
  {
    const std::lock_guard lock(mutex_);
    buried_ = true;
  }
  while (const auto id = take_any()) fail_request(*id, kWorkerDied, kDied);
}

/// Some of what it has printed. @return whether there may be more just now
bool WorkerProcess::hear_output() {
  if (!printed_) return false;
  std::array<char, kPrintedInOneGo> buffer{};
  const auto got = ::read(printed_.get(), buffer.data(), buffer.size());
  if (got > 0) {
    output_.add({buffer.data(), static_cast<std::size_t>(got)},
                std::chrono::floor<std::chrono::seconds>(
                    std::chrono::steady_clock::now().time_since_epoch()));
    return true;
  }
  if (got == 0 || (errno != EAGAIN && errno != EINTR)) printed_.reset();
  return false;
}

/// What it said before it ended, it said; but who has a copy of its socket may not go on for ever.
void WorkerProcess::hear_its_last() {
  for (int i = 0; i < kLastRounds && control_ && !over_; ++i) {
    pollfd event{control_->socket(), POLLIN, 0};
    if (::poll(&event, 1, 0) <= 0 || !hear_some([](const Message&) { return Status(); })) break;
  }
  for (int i = 0; i < kLastRounds && hear_output(); ++i) {
  }
  printed_.reset();
  output_.end();
}

/// One that it has been passed. Of those that are being passed, whoever passes them will see that
/// there is nobody.
std::optional<dojo_request_id> WorkerProcess::take_any() {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find_if(open_, [](const auto& row) { return row.second; });
  if (found == open_.end()) return std::nullopt;
  const auto id = found->first;
  open_.erase(found);
  return id;
}

std::string WorkerProcess::how_it_ended() const {
  const std::lock_guard lock(mutex_);
  return condemned_.empty() ? child_.how_it_ended()
                            : fmt::format("killed, since it broke the protocol: {}", condemned_);
}

bool WorkerProcess::give(dojo_request_id id) {
  const std::lock_guard lock(mutex_);
  return !over_ && open_.emplace(id, false).second;
}

void WorkerProcess::given(dojo_request_id id) {
  {
    const std::lock_guard lock(mutex_);
    open_[id] = true;
  }
  given_.notify_all();
}

bool WorkerProcess::take(dojo_request_id id) {
  std::unique_lock lock(mutex_);
  auto found = open_.find(id);
  while (found != open_.end() && !found->second) {
    given_.wait(lock);
    found = open_.find(id);
  }
  if (found == open_.end()) return false;
  open_.erase(found);
  return true;
}

bool WorkerProcess::left_behind(dojo_request_id id) {
  const std::lock_guard lock(mutex_);
  return buried_ && open_.erase(id) != 0;
}

bool WorkerProcess::has(dojo_request_id id) {
  const std::lock_guard lock(mutex_);
  return open_.contains(id);
}

void WorkerProcess::fail_request(dojo_request_id id, std::uint32_t status,
                                 std::string_view why) noexcept {
  services_.complete(owner_, id, failure(status, why));
}

void WorkerProcess::condemn(std::string_view why) noexcept {
  threads::guard(
      [&] {
        const std::lock_guard lock(mutex_);
        if (condemned_.empty()) condemned_ = why;
      },
      [](const char*) {});
  cut_off();
}

void WorkerProcess::cut_off() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  if (control_) control_->shut();                        // wakes the watcher
  for (const auto& track : tracks_) track->lane.shut();  // and whoever is in an exchange
}

}  // namespace dojo::plugins
