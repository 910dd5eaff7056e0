#include "plugins/deploy/probe.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <string_view>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <dojo/names.hpp>

#include "plugins/abi/elf.hpp"
#include "plugins/deploy/probe_line.hpp"
#include "plugins/run/child.hpp"
#include "text/terminal.hpp"

namespace dojo::plugins {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kLongestOutput = 1024;                  // of what the plugin printed, shown
constexpr std::size_t kMostReceived = kLongestProbeLine * 4;  // over a whole trial

std::string shown(std::chrono::milliseconds limit) {
  return limit.count() % 1000 == 0 ? fmt::format("{} s", limit.count() / 1000)
                                   : fmt::format("{} ms", limit.count());
}

/// Reads what is there. @return false once nothing will come any more
bool drain(int fd, std::string& into) {
  std::array<char, 16384> buffer{};
  const auto got = read(fd, buffer.data(), buffer.size());
  if (got > 0) into.append(buffer.data(), static_cast<std::size_t>(got));
  return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

/// The host's end of one trial.
class Conversation {
 public:
  Conversation(const SettingsFor& settings_for, const ProbeOptions& options)
      : settings_for_(settings_for), options_(options), until_(Clock::now() + options.limit) {}

  Trial hold(const std::filesystem::path& file) {
    if (auto started = start(file); !started) {
      refuse(started.error().message);
      trial_.shortage = true;
    }
    while (!over_) turn();
    return std::move(trial_);
  }

 private:
  Status start(const std::filesystem::path& file) {
    std::array<int, 2> socket{};
    std::array<int, 2> pipe{};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socket.data()) != 0) {
      return fail(fmt::format("it cannot be tried: {}", std::strerror(errno)));
    }
    socket_ = base::Descriptor(socket[0]);
    const base::Descriptor theirs(socket[1]);
    if (pipe2(pipe.data(), O_CLOEXEC) != 0) {
      return fail(fmt::format("it cannot be tried: {}", std::strerror(errno)));
    }
    output_ = base::Descriptor(pipe[0]);
    const base::Descriptor written(pipe[1]);
    for (const int fd : {socket_.get(), output_.get()}) {
      fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    }
    auto child = Child::spawn({options_.program,
                               arguments(file),
                               {{theirs.get(), kProbeDescriptor},
                                {written.get(), STDOUT_FILENO},
                                {written.get(), STDERR_FILENO}}});
    if (!child) return fail("it cannot be tried: " + child.error().message);
    child_ = std::move(*child);
    return {};
  }

  [[nodiscard]] std::vector<std::string> arguments(const std::filesystem::path& file) const {
    // Of all its threads together. The time on the clock ends it sooner; this is for what it leaves
    // behind where that does not reach.
    const auto seconds = (std::chrono::ceil<std::chrono::seconds>(options_.limit).count() + 1) *
                         std::max(1U, std::thread::hardware_concurrency());
    std::vector<std::string> list = {"probe", "--memory", std::to_string(options_.memory_bytes),
                                     "--cpu", std::to_string(seconds)};
    list.emplace_back("--");
    list.push_back(std::filesystem::absolute(file).string());
    return list;
  }

  /// Waits for something to happen, and sees to it.
  void turn() {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until_ - Clock::now()).count();
    if (left <= 0) {
      return refuse(fmt::format("it did not come back from {} within {}", describe(stage_),
                                shown(options_.limit)));
    }
    std::array<pollfd, 3> watched{
        pollfd{socket_.get(), static_cast<short>(to_send_.empty() ? POLLIN : POLLIN | POLLOUT), 0},
        pollfd{output_.get(), POLLIN, 0}, pollfd{child_.pidfd(), POLLIN, 0}};
    if (poll(watched.data(), watched.size(),
             static_cast<int>(std::min<std::int64_t>(left, 60'000))) <= 0) {
      return;
    }
    if (watched[1].revents != 0) listen();
    if ((watched[0].revents & POLLOUT) != 0) send();
    if ((watched[0].revents & ~POLLOUT) != 0) receive();
    if (!over_ && watched[2].revents != 0) bury();
  }

  /// What it prints: the end of it is shown if it dies.
  void listen() {
    if (!drain(output_.get(), printed_)) output_.reset();
    if (printed_.size() > kLongestOutput) printed_.erase(0, printed_.size() - kLongestOutput);
  }

  void send() {
    const auto sent =
        ::send(socket_.get(), to_send_.data(), to_send_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) to_send_.erase(0, static_cast<std::size_t>(sent));
    if (sent < 0 && errno != EAGAIN && errno != EINTR) to_send_.clear();  // its end will be noticed
  }

  void receive() {
    const auto before = received_.size();
    if (!drain(socket_.get(), received_)) socket_.reset();
    total_ += received_.size() - before;
    for (auto end = received_.find('\n'); end != std::string::npos && !over_;
         end = received_.find('\n')) {
      const auto line = read_probe_line(std::string_view(received_).substr(0, end));
      received_.erase(0, end + 1);
      if (!line || !take(*line)) return babble();
    }
    if (received_.size() > kLongestProbeLine || total_ > kMostReceived) babble();
  }

  void babble() { refuse(fmt::format("it wrote to what is not its own, in {}", describe(stage_))); }

  /// It has ended. What it said last may still be on its way.
  void bury() {
    for (std::size_t before = 0; socket_ && !over_ && total_ != before;) {
      before = total_;
      receive();
    }
    for (int i = 0; output_ && i < 16; ++i) listen();
    if (over_) return;
    child_.wait(std::chrono::seconds(1));
    auto fault = fmt::format("it ended the process that tried it: {} in {}", child_.how_it_ended(),
                             describe(stage_));
    auto last = text::printable(printed_, kLongestOutput);
    last.erase(last.find_last_not_of(' ') + 1);
    if (!last.empty()) fault += ". The last it wrote: " + last;
    // SIGKILL is the kernel's, when memory is short. In the check no code of the plugin's runs: the
    // worker has given up by itself.
    const auto signal = child_.signal();
    trial_.shortage = signal == SIGKILL || (!signal && stage_ == Stage::check);
    refuse(std::move(fault));
  }

  /// @return false if this is not the line's turn
  bool take(const ProbeLine& line) {
    switch (line.kind) {
      case ProbeLine::Kind::stage:
        // One after the other, and nothing runs before the config is given out.
        if (static_cast<int>(*line.stage) != next_ || (next_ > 0 && !known_)) return false;
        stage_ = *line.stage;
        ++next_;
        return true;
      case ProbeLine::Kind::facts:
        return take_facts(line);
      case ProbeLine::Kind::refused:
        trial_.faults = line.faults;
        trial_.shortage = line.shortage;
        over_ = true;
        return true;
      case ProbeLine::Kind::good:
        if (stage_ != Stage::unload) return false;
        trial_.probed.version = line.version;
        trial_.probed.routes = line.routes;
        note(line.notes);
        object(line.stuck);
        over_ = true;
        return true;
    }
    return false;
  }

  bool take_facts(const ProbeLine& line) {
    if (known_ || stage_ != Stage::check || next_ != 1) return false;
    known_ = true;
    trial_.probed.name = line.name;
    trial_.faults = line.faults;
    note(line.notes);
    const bool named = is_plugin_name(line.name);
    const auto settings = named ? settings_for_(line.name) : TrialSettings();
    isolated_ = settings.isolated;
    object(line.stuck);
    over_ = !trial_.faults.empty();
    if (!over_) to_send_ = write_probe_config({settings.config, settings.sandbox});
    return over_ || named;
  }

  /// What speaks against the host's own process is worth a note in another.
  void object(const std::vector<std::string>& stuck) {
    if (isolated_) {
      for (const auto& fault : stuck) note({"without a process of its own, refused: " + fault});
      return;
    }
    trial_.faults.insert(trial_.faults.end(), stuck.begin(), stuck.end());
  }

  void note(const std::vector<std::string>& notes) {
    trial_.probed.notes.insert(trial_.probed.notes.end(), notes.begin(), notes.end());
  }

  void refuse(std::string why) {
    trial_.faults = {std::move(why)};
    over_ = true;
  }

  const SettingsFor& settings_for_;
  const ProbeOptions& options_;
  const Clock::time_point until_;
  Child child_;
  base::Descriptor socket_;
  base::Descriptor output_;
  std::string to_send_;
  std::string received_;
  std::string printed_;
  std::size_t total_ = 0;
  Stage stage_ = Stage::check;
  int next_ = 0;  // the stage that comes next
  bool isolated_ = false;
  bool known_ = false;  // the facts have come
  bool over_ = false;
  Trial trial_;
};

}  // namespace

TrialSettings trial_settings(const PluginSettings& settings) {
  const bool isolated = settings.run.isolation == Isolation::process;
  return {settings.config, isolated, isolated ? settings.run.sandbox : SandboxOptions()};
}

Trial try_plugin(const std::filesystem::path& file, const SettingsFor& settings_for,
                 const ProbeOptions& options) {
  // Cheap, safe here, and it saves a process for what is no plugin at all.
  if (auto whole = check_elf(file); !whole) return {{}, {whole.error().message}};
  return Conversation(settings_for, options).hold(file);
}

Result<Probed> probe(const std::filesystem::path& file, const SettingsFor& settings_for,
                     const ProbeOptions& options) {
  auto trial = try_plugin(file, settings_for, options);
  if (trial.faults.empty()) return std::move(trial.probed);
  return fail(fmt::format("{}", fmt::join(trial.faults, "; ")));
}

}  // namespace dojo::plugins
