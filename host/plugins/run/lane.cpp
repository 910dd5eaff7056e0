#include "plugins/run/lane.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <tuple>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

namespace dojo::plugins {
namespace {

constexpr std::size_t kTexts = std::tuple_size_v<decltype(Message::texts)>;
// Not F_SEAL_WRITE, which would wait for pages that other processors have yet to let go of; whoever
// maps the file for writing before it is sealed has only itself to surprise, since the host copies.
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
constexpr std::size_t kKeptCopy = std::size_t{4} << 20;  // a larger buffer is not kept for the next

using Pieces = std::array<iovec, kTexts + 1>;

iovec piece(const void* bytes, std::size_t size) {
  return {const_cast<void*>(bytes), size};  // the kernel's struct knows no const; it only reads
}

/// A sealed memory file with all texts in it, one behind the other, and DOJO_BODY_PADDING zeros.
base::Descriptor attach(Pieces pieces, std::size_t size) {
  base::Descriptor file(::memfd_create("dojo", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file || ::ftruncate(file.get(), static_cast<off_t>(size + DOJO_BODY_PADDING)) != 0)
    return {};
  auto* next = pieces.data() + 1;  // the header goes through the socket
  const auto* const end = pieces.data() + pieces.size();
  for (std::size_t left = size; left != 0;) {
    const auto wrote = ::writev(file.get(), next, static_cast<int>(end - next));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return {};
    left -= static_cast<std::size_t>(wrote);
    for (auto done = static_cast<std::size_t>(wrote); next != end;) {
      const auto step = std::min(done, next->iov_len);
      next->iov_base = static_cast<char*>(next->iov_base) + step;
      next->iov_len -= step;
      done -= step;
      if (next->iov_len != 0) break;
      ++next;
    }
  }
  if (::fcntl(file.get(), F_ADD_SEALS, kSeals) != 0) return {};
  return file;
}

/// The one descriptor that came with a packet. @return false if there was more than one, or one was
/// lost on the way
bool take_attachment(msghdr& packet, base::Descriptor& attachment) {
  bool sound = (packet.msg_flags & MSG_CTRUNC) == 0;
  for (auto* part = CMSG_FIRSTHDR(&packet); part != nullptr; part = CMSG_NXTHDR(&packet, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const auto count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      base::Descriptor received(fd);
      if (attachment) sound = false;
      attachment = std::move(received);
    }
  }
  return sound;
}

bool read_fully(int file, char* to, std::size_t size) {
  for (std::size_t done = 0; done < size;) {
    const auto got = ::pread(file, to + done, size - done, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    done += static_cast<std::size_t>(got);
  }
  return true;
}

}  // namespace

Result<Message> slice(const Header& header, std::string_view texts) {
  Message message{static_cast<MessageKind>(header.kind), header.numbers, {}};
  std::size_t at = 0;
  for (std::size_t i = 0; i < kTexts; ++i) {
    if (header.sizes[i] > texts.size() - at) return fail("its texts are longer than the message");
    const auto size = static_cast<std::size_t>(header.sizes[i]);
    message.texts[i] = texts.substr(at, size);
    at += size;
  }
  if (at != texts.size()) return fail("its texts are shorter than the message");
  return message;
}

Status read_packet(std::string_view bytes, Parcel& parcel) {
  if (bytes.size() < sizeof(Header)) return fail("a packet is too short");
  std::memcpy(&parcel.header, bytes.data(), sizeof(Header));
  if (parcel.header.protocol != kProtocol) {
    return fail("it speaks another protocol: install dojo-host and dojo-worker of one release");
  }
  if (parcel.header.kind < static_cast<std::uint32_t>(MessageKind::setup) ||
      parcel.header.kind > static_cast<std::uint32_t>(MessageKind::answer)) {
    return fail(fmt::format("there is no message of kind {}", parcel.header.kind));
  }
  parcel.texts = bytes.substr(sizeof(Header));
  const bool attached = parcel.header.attached != 0;
  if (attached && !parcel.texts.empty()) return fail("its texts are both in and beside a packet");
  if (attached != static_cast<bool>(parcel.attachment)) {
    return fail(attached ? "what it attached is not there (perhaps there are too few descriptors)"
                         : "it attached a descriptor without need");
  }
  return {};
}

Lane::Lane(base::Descriptor socket)
    : socket_(std::move(socket)),
      buffer_(std::make_unique_for_overwrite<char[]>(sizeof(Header) + kInline)) {}

Result<std::pair<base::Descriptor, base::Descriptor>> Lane::pair() {
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail(fmt::format("cannot make a socket pair: {}", std::strerror(errno)));
  }
  return std::pair(base::Descriptor(ends[0]), base::Descriptor(ends[1]));
}

Sent Lane::send(const Message& message, bool wait) const noexcept {
  Header header{kProtocol, static_cast<std::uint32_t>(message.kind), message.numbers, {}, 0};
  Pieces pieces{};
  pieces[0] = piece(&header, sizeof header);
  std::size_t size = 0;
  for (std::size_t i = 0; i < kTexts; ++i) {
    const auto& text = message.texts[i];
    header.sizes[i] = text.size();
    pieces[i + 1] = piece(text.data(), text.size());
    size += text.size();
  }
  msghdr packet{};
  packet.msg_iov = pieces.data();
  packet.msg_iovlen = pieces.size();
  base::Descriptor attachment;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> rights{};
  if (size > kInline) {
    attachment = attach(pieces, size);
    if (!attachment) return Sent::failed;
    header.attached = size;
    packet.msg_iovlen = 1;
    packet.msg_control = rights.data();
    packet.msg_controllen = rights.size();
    auto* const part = CMSG_FIRSTHDR(&packet);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof(int));
    const int fd = attachment.get();
    std::memcpy(CMSG_DATA(part), &fd, sizeof fd);
  }
  for (;;) {
    if (::sendmsg(socket(), &packet, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT)) >= 0)
      return Sent::yes;
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return Sent::full;
    // A peer that closes with packets unread leaves this error behind, once.
    if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) return Sent::gone;
    return Sent::failed;
  }
}

Received Lane::receive(Parcel& parcel, std::string& why, bool wait) {
  parcel = {};
  iovec into{buffer_.get(), sizeof(Header) + kInline};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> rights{};
  msghdr packet{};
  packet.msg_iov = &into;
  packet.msg_iovlen = 1;
  for (;;) {
    packet.msg_control = rights.data();
    packet.msg_controllen = rights.size();
    const auto size = ::recvmsg(socket(), &packet, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
    if (size == 0) return Received::gone;
    if (size < 0) {
      // ECONNRESET comes once, ahead of packets that are still to be had.
      if (errno == EINTR || errno == ECONNRESET) continue;
      return errno == EAGAIN ? Received::nothing : Received::gone;
    }
    const bool whole = take_attachment(packet, parcel.attachment);
    auto status = !whole ? Status(fail("it attached more than one descriptor, or one was lost"))
                  : (packet.msg_flags & MSG_TRUNC) != 0
                      ? Status(fail("a packet is too long"))
                      : read_packet({buffer_.get(), static_cast<std::size_t>(size)}, parcel);
    if (status) return Received::parcel;
    why = std::move(status.error().message);
    return Received::broken;
  }
}

void Lane::shut() const noexcept {
  ::shutdown(socket(), SHUT_RDWR);
}

Result<Message> Copy::read(const Parcel& parcel, std::size_t most) {
  const auto size = parcel.header.attached;
  if (size == 0) return slice(parcel.header, parcel.texts);
  if (size > most) {
    return fail(fmt::format("it attached {} bytes, {} are allowed", size, most));
  }
  // Only a memory file has seals: reading one does not block, and with these it stays as long.
  const int seals = ::fcntl(parcel.attachment.get(), F_GET_SEALS);
  struct stat file{};
  if (seals < 0 || (seals & kSeals) != kSeals || ::fstat(parcel.attachment.get(), &file) != 0 ||
      static_cast<std::uint64_t>(file.st_size) < size) {
    return fail("what it attached is no sealed memory file of that size");
  }
  const auto bytes = static_cast<std::size_t>(size);
  if ((capacity_ < bytes || capacity_ > kKeptCopy) && !make_room(bytes))
    return fail(fmt::format("there is no memory for the {} bytes it attached", size));
  if (!read_fully(parcel.attachment.get(), bytes_.get(), bytes))
    return fail("what it attached cannot be read");
  return slice(parcel.header, {bytes_.get(), bytes});
}

bool Copy::make_room(std::size_t bytes) {
  bytes_.reset();
  capacity_ = 0;
  try {
    bytes_ = std::make_unique_for_overwrite<char[]>(bytes);
  } catch (const std::bad_alloc&) {
    return false;
  }
  capacity_ = bytes;
  return true;
}

void Held::Unmap::operator()(char* bytes) const {
  ::munmap(bytes, size);
}

Result<Held> Held::take(Parcel& parcel) {
  Held held;
  std::string_view texts;
  if (const auto size = static_cast<std::size_t>(parcel.header.attached); size != 0) {
    const auto all = size + DOJO_BODY_PADDING;
    auto* const bytes =
        ::mmap(nullptr, all, PROT_READ, MAP_SHARED | MAP_POPULATE, parcel.attachment.get(), 0);
    if (bytes == MAP_FAILED) {
      return fail(fmt::format("cannot map {} bytes of a message: {}", size, std::strerror(errno)));
    }
    held.mapped_ = std::unique_ptr<char, Unmap>(static_cast<char*>(bytes), Unmap{all});
    texts = {held.mapped_.get(), size};
  } else {
    const auto all = parcel.texts.size() + DOJO_BODY_PADDING;
    held.bytes_ = std::make_unique_for_overwrite<char[]>(all);
    std::memcpy(held.bytes_.get(), parcel.texts.data(), parcel.texts.size());
    std::memset(held.bytes_.get() + parcel.texts.size(), 0, DOJO_BODY_PADDING);
    texts = {held.bytes_.get(), parcel.texts.size()};
  }
  auto message = slice(parcel.header, texts);
  if (!message) return Unexpected(message.error());
  held.message_ = *message;
  return held;
}

}  // namespace dojo::plugins
