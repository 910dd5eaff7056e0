#include "control/control.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/files.hpp"
#include "base/threads.hpp"
#include "control/control_line.hpp"

namespace dojo::control {
namespace {

using Clock = std::chrono::steady_clock;
constexpr char kLockName[] = "control.lock";
constexpr int kWaiting = 16;  // connections that nobody has looked at yet

/// Whether this host is the only one with this state folder. The lock goes with the process,
/// however that ends.
Result<base::Descriptor> lock(const std::filesystem::path& state, int folder) {
  auto file = base::take_lock(folder, kLockName);
  if (!file) {
    return fail(fmt::format("{} {}", (state / kLockName).string(), file.error().message));
  }
  if (*file) return file;
  return fail(
      fmt::format("another host runs with the state folder {}: stop it, or give this one "
                  "another folder (--state)",
                  state.string()));
}

/// Binds by way of the folder's descriptor: a socket's path may have 107 bytes, a state folder's
/// more.
Result<base::Descriptor> listen_in(const std::filesystem::path& state, int folder) {
  const auto failed = [&](const char* what) {
    return fail(fmt::format("{}: {}: {}", (state / kControlName).string(), what, base::why()));
  };
  base::Descriptor made(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made) return failed("socket");
  // The mode that the file will be made with: no moment in which others could connect, and no umask
  // to be changed for the whole process.
  if (fchmod(made.get(), S_IRUSR | S_IWUSR) != 0) return failed("fchmod");
  if (unlinkat(folder, kControlName, 0) != 0 && errno != ENOENT) {
    return failed("a dead host's socket cannot be removed");
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  fmt::format_to_n(&address.sun_path[0], sizeof address.sun_path - 1, "/proc/self/fd/{}/{}", folder,
                   kControlName);
  if (bind(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return failed("bind");
  }
  if (listen(made.get(), kWaiting) != 0) return failed("listen");
  return made;
}

bool is_owner(int connection) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == geteuid() || peer.uid == 0;
}

std::string line_of(const ControlAnswer& answer) {
  auto json = to_json(answer);
  if (!json) json = R"({"result":null,"error":"the answer cannot be written as JSON"})";
  // JSON has line ends between its tokens only, where a space is as good.
  for (auto& c : *json) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return *json + '\n';
}

base::Descriptor spare_descriptor() {
  return base::Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

std::string refusal(std::string why) {
  return line_of({.error = std::move(why)});
}

}  // namespace

Result<std::unique_ptr<Control>> Control::open(const std::filesystem::path& state,
                                               Commands commands, ControlLimits limits) {
  auto folder = base::open_private_folder(state);
  if (!folder) return Unexpected(folder.error());
  auto locked = lock(state, folder->get());
  if (!locked) return Unexpected(locked.error());
  auto socket = listen_in(state, folder->get());
  if (!socket) return Unexpected(socket.error());
  base::Descriptor stop(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop) return fail(fmt::format("eventfd: {}", base::why()));
  return std::unique_ptr<Control>(new Control(std::move(*folder), std::move(*locked),
                                              std::move(*socket), std::move(stop),
                                              std::move(commands), limits));
}

Control::Control(base::Descriptor folder, base::Descriptor lock, base::Descriptor socket,
                 base::Descriptor stop, Commands commands, ControlLimits limits)
    : folder_(std::move(folder)),
      lock_(std::move(lock)),
      socket_(std::move(socket)),
      stop_(std::move(stop)),
      commands_(std::move(commands)),
      limits_(limits) {
  threads_.reserve(limits_.threads);
  for (unsigned i = 0; i < limits_.threads; ++i) {
    auto thread = threads::start([this] { serve(); });
    if (thread)
      threads_.push_back(std::move(*thread));
    else if (i == 0)
      throw std::runtime_error(thread.error().message);
  }
}

void Control::hide() const {
  unlinkat(folder_.get(), kControlName, 0);
}

Control::~Control() {
  hide();
  constexpr std::uint64_t kOne = 1;
  (void)!write(stop_.get(), &kOne, sizeof kOne);
  for (auto& thread : threads_) thread.join();
}

void Control::serve() {
  // Given up for a connection's when there are none left: who looks for the reason is answered.
  auto spare = spare_descriptor();
  while (wait_for(socket_.get(), POLLIN, Clock::time_point::max())) {
    auto connection = accept_one();
    int why = connection ? 0 : errno;
    if ((why == EMFILE || why == ENFILE) && spare) {
      spare.reset();
      connection = accept_one();
      why = connection ? 0 : errno;
    }
    if (connection) {
      threads::guard([&] { answer(connection.get()); }, [](const char*) {});
    } else if (why != EAGAIN && why != EINTR && why != ECONNABORTED) {
      // It stays readable: come back a little later.
      (void)wait_for(-1, 0, Clock::now() + std::chrono::milliseconds(100));
    }
    connection.reset();
    if (!spare) spare = spare_descriptor();
  }
}

base::Descriptor Control::accept_one() const {
  return base::Descriptor(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

void Control::answer(int connection) const {
  if (!is_owner(connection)) {
    return write_all(connection, refusal("only the host's own user and root may ask"));
  }
  const auto line = read_line(connection);
  write_all(connection, line ? answer_to(*line) : refusal(line.error().message));
}

std::string Control::answer_to(std::string_view line) const {
  const auto request = from_json<ControlRequest>(line);
  if (!request) return refusal("no request: " + request.error().message);
  const auto command = commands_.find(request->command);
  if (command == commands_.end()) {
    return refusal(fmt::format("there is no command \"{}\"", request->command));
  }
  Result<std::string> result;
  try {
    result = command->second(request->arguments);
  } catch (const std::exception& error) {
    result = fail(fmt::format("{} failed: {}", request->command, error.what()));
  } catch (...) {
    result = fail(fmt::format("{} failed, and did not say why", request->command));
  }
  if (!result) return refusal(result.error().message);
  return line_of({.result = RawJson{std::move(*result)}});
}

Result<std::string> Control::read_line(int connection) const {
  const auto until = Clock::now() + limits_.read;
  std::string line;
  std::array<char, 4096> buffer{};
  for (;;) {
    const auto got = read(connection, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno != EAGAIN) return fail("the request cannot be read: " + base::why());
    if (got < 0) {
      if (!wait_for(connection, POLLIN, until)) return fail("no request came in time");
      continue;
    }
    line.append(buffer.data(), static_cast<std::size_t>(got));
    const auto end = line.find('\n');
    if (got == 0 || end != std::string::npos) return line.substr(0, end);
    if (line.size() > limits_.longest_request) {
      return fail(fmt::format("a request has {} bytes at most", limits_.longest_request));
    }
  }
}

void Control::write_all(int connection, std::string_view text) const {
  const auto until = Clock::now() + limits_.write;
  while (!text.empty()) {
    const auto written = send(connection, text.data(), text.size(), MSG_NOSIGNAL);
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN ? !wait_for(connection, POLLOUT, until) : errno != EINTR) {
      return;  // it has gone, or does not read: nobody to tell
    }
  }
}

/// @return false at the time, and when the control socket ends
bool Control::wait_for(int fd, short events, Clock::time_point until) const {
  for (;;) {
    int wait = -1;
    if (until != Clock::time_point::max()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
      if (left <= 0) return false;
      wait = static_cast<int>(left);
    }
    std::array<pollfd, 2> fds{{{stop_.get(), POLLIN, 0}, {fd, events, 0}}};
    const int ready = poll(fds.data(), fds.size(), wait);
    if (fds[0].revents != 0) return false;
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

}  // namespace dojo::control
