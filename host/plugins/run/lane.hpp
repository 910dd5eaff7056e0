// The wire between the host and a worker process: packets on a socket pair, large ones beside it in
// a memory file. Both ends use this; neither trusts the other's bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <dojo/plugin.h>
#include <dojo/result.hpp>

#include "base/descriptor.hpp"

namespace dojo::plugins {

/// What a message is. Sockets come in two sorts: a lane carries one exchange at a time, of the
/// host's thread and the worker's that both have its number; control carries all that has no such
/// pair.
enum class MessageKind : std::uint32_t {
  // Host to worker, on control.
  setup = 1,  ///< once, first: see Setup
  cancel,     ///< id
  save,       ///< call
  health,     ///< call
  stop,       ///< end, and exit
  // Host to worker, on a lane.
  handle,  ///< see Request; until `returned` or the worker's end the lane is busy
  judge,   ///< the same of its call and not its id, until `verdict`
  resume,  ///< id; until `returned`
  // Worker to host, on control.
  opened,   ///< name, version: the shared object is loaded
  route,    ///< one each, in order
  started,  ///< it serves
  refused,  ///< reason: it does not start
  done,     ///< call, outcome; what was saved, or a reason
  chunk,    ///< id; chunk: of a stream, whose answer comes this way too, so that all is in order
  full,     ///< id: it waits for `resume`, having written all that there was room for
  // Worker to host, on a lane.
  returned,  ///< code
  verdict,   ///< code, priority; reason
  // Worker to host, on either: in the order in which a thread says it.
  log,      ///< level, id; text
  count,    ///< amount; name
  observe,  ///< value; name
  answer,   ///< id, status; error, metadata, fields, body
};

/// A message: what its numbers and texts are depends on its kind. Owns nothing.
struct Message {
  MessageKind kind{};
  std::array<std::uint64_t, 7> numbers{};
  std::array<std::string_view, 8> texts{};
};

/// The beginning of a packet. Both ends run on one machine, so its form is the memory's.
struct Header {
  std::uint32_t protocol = 0;  ///< kProtocol: the two programs are installed together
  std::uint32_t kind = 0;
  std::array<std::uint64_t, 7> numbers{};
  std::array<std::uint64_t, 8> sizes{};  ///< of the texts
  std::uint64_t attached =
      0;  ///< all texts together, if they come in a memory file; 0: they follow
};
inline constexpr std::uint32_t kProtocol = 3;
static_assert(sizeof(Header) == 136);

/// Texts of more bytes than this, together, go into a memory file. Larger packets would be cheaper
/// still up to some hundred KB, but from about 80 KB on the kernel wants pieces of contiguous
/// memory for them that it may not have after a month.
inline constexpr std::size_t kInline = std::size_t{64} * 1024;

/// Cuts `texts` as the header says. @param texts all of them, in one piece
/// @return a message that points into `texts`, or what is wrong with it
Result<Message> slice(const Header& header, std::string_view texts);

/// A packet as it came: not looked into yet.
struct Parcel {
  Header header;
  std::string_view texts;  ///< in the lane's buffer, until its next receive()
  base::Descriptor attachment;
};

/// One packet's bytes, apart from what is attached. @return what is wrong with them
Status read_packet(std::string_view bytes, Parcel& parcel);

enum class Sent {
  yes,
  full,    ///< only if not waited for
  gone,    ///< nobody is at the other end
  failed,  ///< it could not be put together: no memory, no descriptors
};
enum class Received {
  parcel,
  nothing,  ///< only if not waited for
  gone,     ///< nobody is at the other end, and all it had sent has been received
  broken,   ///< what came is no packet
};

/// One end of a socket pair. send() may be called from several threads at once, receive() from one.
class Lane {
 public:
  explicit Lane(base::Descriptor socket);
  /// @return the two ends of a new pair, closed by exec; one too many descriptors is an error
  static Result<std::pair<base::Descriptor, base::Descriptor>> pair();

  /// @param wait false: does not wait for room
  Sent send(const Message& message, bool wait = true) const noexcept;
  /// @param why filled in if what came is broken
  Received receive(Parcel& parcel, std::string& why, bool wait = true);
  /// Nothing more goes or comes; a receive() under way ends. Any thread.
  void shut() const noexcept;
  [[nodiscard]] int socket() const { return socket_.get(); }

 private:
  base::Descriptor socket_;
  std::unique_ptr<char[]> buffer_;
};

/// Where the host puts what a worker has attached: copies, since nothing keeps a worker from
/// cutting short what is mapped.
class Copy {
 public:
  /// @param most bytes that it will copy @return the parcel's message, valid until the next read()
  /// or the lane's next receive()
  Result<Message> read(const Parcel& parcel, std::size_t most);

 private:
  bool make_room(std::size_t bytes);

  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_ = 0;
};

/// A message with its bytes, for as long as a request is open. DOJO_BODY_PADDING more bytes may be
/// read behind the last text. Attached files are mapped: for the worker, which can trust the host.
class Held {
 public:
  static Result<Held> take(Parcel& parcel);
  [[nodiscard]] const Message& message() const { return message_; }

 private:
  struct Unmap {
    std::size_t size;  // of the mapping
    void operator()(char* bytes) const;
  };
  Message message_;
  std::unique_ptr<char[]> bytes_;
  std::unique_ptr<char, Unmap> mapped_;
};

/// Where a worker finds its sockets: control, and behind it a lane for each worker thread.
inline constexpr int kControlDescriptor = 3;
inline constexpr int kFirstLaneDescriptor = 4;

}  // namespace dojo::plugins
