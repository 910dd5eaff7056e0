// A worker process that means ill: it starts as one should, and what it does when it gets a request
// is the word in its config.
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plugins/run/lane.hpp"
#include "plugins/run/worker_messages.hpp"

namespace {

using namespace dojo::plugins;

constexpr std::size_t kMuch = 1 << 20;

/// Sends bytes that Lane would not, with up to two descriptors.
void send_raw(const Lane& lane, const void* bytes, std::size_t size, int fd = -1, int second = -1) {
  iovec piece{const_cast<void*>(bytes), size};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(2 * sizeof(int))> rights{};
  msghdr packet{};
  packet.msg_iov = &piece;
  packet.msg_iovlen = 1;
  if (fd >= 0) {
    const std::array<int, 2> fds{fd, second};
    const auto length = (second >= 0 ? 2 : 1) * sizeof(int);
    packet.msg_control = rights.data();
    packet.msg_controllen = CMSG_SPACE(length);
    auto* const part = CMSG_FIRSTHDR(&packet);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(length);
    std::memcpy(CMSG_DATA(part), fds.data(), length);
  }
  ::sendmsg(lane.socket(), &packet, MSG_NOSIGNAL);
}

Header header(MessageKind kind, std::uint64_t id) {
  return {kProtocol, static_cast<std::uint32_t>(kind), {id, 200}, {}, 0};
}

/// An answer of `size` bytes that are said to be in `fd`.
void attach(const Lane& lane, std::uint64_t id, std::uint64_t size, int fd, int second = -1) {
  auto head = header(MessageKind::answer, id);
  head.attached = head.sizes[0] = size;
  send_raw(lane, &head, sizeof head, fd, second);
}

int memory_file(std::size_t size) {
  const int fd = ::memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  return ::ftruncate(fd, static_cast<off_t>(size)) == 0 ? fd : -1;
}

int sealed_file(std::size_t size) {
  const int fd = memory_file(size);
  ::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL);
  return fd;
}

void misbehave(std::string_view how, const Lane& lane, const Lane& control, std::uint64_t id) {
  auto head = header(MessageKind::answer, id);
  if (how == "other_id") lane.send(message_of(WorkerAnswer{id + 1, 200, {}, {}, {}}));
  if (how == "other_id_on_control") control.send(message_of(WorkerAnswer{id + 1, 200, {}, {}, {}}));
  if (how == "no_id") lane.send(message_of(WorkerAnswer{0, 200, {}, {}, {}}));
  if (how == "twice") {
    for (int i = 0; i < 2; ++i) lane.send(message_of(WorkerAnswer{id, 200, "{}", {}, {}}));
  }
  if (how == "died_status") lane.send(message_of(WorkerAnswer{id, 1'000, {}, {}, {}}));
  if (how == "short_packet") send_raw(lane, "x", 1);
  if (how == "empty_packet") send_raw(lane, "", 0);
  if (how == "long_packet") {
    const std::string bytes(sizeof(Header) + kInline + 1, '\1');
    send_raw(lane, bytes.data(), bytes.size());
  }
  if (how == "unknown_kind") {
    head.kind = 999;
    send_raw(lane, &head, sizeof head);
  }
  if (how == "other_protocol") {
    head.protocol = 99;
    send_raw(lane, &head, sizeof head);
  }
  if (how == "long_sizes") {
    head.sizes = {UINT64_MAX, 2, 0, 0, 0};
    send_raw(lane, &head, sizeof head);
  }
  if (how == "wrong_lane_kind") lane.send({MessageKind::started, {}, {}});
  if (how == "verdict_for_handle") lane.send({MessageKind::verdict, {99}, {}});
  if (how == "started_again") control.send({MessageKind::started, {}, {}});
  if (how == "answers_no_call") control.send(message_of(Outcome{99, Outcome::Sort::good, {}}));
  if (how == "long_log") {
    const std::string text(kMuch, 'x');
    control.send({MessageKind::log, {0, id}, {text}});
  }
  if (how == "attached_is_missing") attach(lane, id, kMuch, -1);
  if (how == "needless_descriptor") send_raw(lane, &head, sizeof head, sealed_file(1));
  if (how == "two_descriptors") attach(lane, id, kMuch, sealed_file(kMuch), sealed_file(kMuch));
  if (how == "unsealed") attach(lane, id, kMuch, memory_file(kMuch));
  if (how == "pipe") {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) == 0) attach(lane, id, kMuch, ends[0]);
  }
  if (how == "shorter_file") attach(lane, id, kMuch, sealed_file(1));
  if (how == "exabyte") attach(lane, id, std::uint64_t{1} << 60, sealed_file(1));
  const auto write = [&](std::uint64_t whose, std::string_view chunk) {
    control.send({MessageKind::chunk, {whose}, {chunk}});
  };
  if (how == "chunk_of_another") write(id + 1, "{}");
  if (how == "chunk_without_room") write(id, R"(["no room"])");
  if (how == "chunk_that_is_none") write(id, "5");
  if (how == "closes_lane") lane.shut();
  if (how == "floods") {
    const std::string text(1000, 'x');
    for (int i = 0; i < 100'000; ++i) {
      if (control.send(message_of(MessageKind::log, Note{0, id, 0, text})) != Sent::yes) break;
    }
    lane.send(message_of(WorkerAnswer{id, 200, "{}", {}, {}}));
  }
  if (how == "floods_lane_with_answers_to_others") {
    while (lane.send(message_of(WorkerAnswer{id + 7, 200, "{}", {}, {}})) == Sent::yes) {
    }
  }
}

RouteInfo route(std::string name) {
  RouteInfo info;
  info.path = '/' + name;
  info.name = std::move(name);
  info.methods = "POST";
  return info;
}

/// @return whether it is to go on
bool start(std::string_view how, const Lane& control) {
  if (how == "silent") return true;
  if (how == "bad_name") control.send({MessageKind::opened, {}, {"../../etc"}});
  if (how == "bad_route") control.send(message_of(route("a/b\r\n")));
  if (how == "bad_schema") {
    auto info = route("Route");
    info.request_schema = "{";
    control.send(message_of(info));
  }
  if (how == "route_twice") {
    control.send(message_of(route("Route")));
  }
  if (how == "long_routes") {
    for (int i = 0; i < 64; ++i) {
      auto info = route("Route" + std::to_string(i));
      info.description.assign(kMuch, 'x');
      control.send(message_of(info));
    }
  }
  if (how == "bad_deadline") control.send({MessageKind::route, {UINT64_MAX}, {"Route"}});
  if (how == "no_routes") return control.send({MessageKind::started, {}, {}}) == Sent::yes;
  control.send({MessageKind::opened, {}, {"hostile", "6.6.6"}});
  control.send(message_of(route("Route")));
  return control.send({MessageKind::started, {}, {}}) == Sent::yes;
}

}  // namespace

int main() {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);  // not so hostile as to outlive a test that crashed
  Lane control{dojo::base::Descriptor(kControlDescriptor)};
  Lane lane{dojo::base::Descriptor(kFirstLaneDescriptor)};
  Parcel parcel;
  std::string why;
  if (control.receive(parcel, why) != Received::parcel) return 1;
  const auto setup = Held::take(parcel);
  if (!setup) return 1;
  const std::string how(setup_of(setup->message()).config);
  if (!start(how, control)) return 1;
  if (how == "reads_nothing") {
    for (;;) lane.send({MessageKind::returned, {}, {}});
  }
  while (lane.receive(parcel, why) == Received::parcel) {
    misbehave(how, lane, control, parcel.header.numbers[0]);
    lane.send({MessageKind::returned, {}, {}});  // as if nothing had happened
  }
  for (;;) ::pause();  // hostile, too: it does not leave when it is told
}
