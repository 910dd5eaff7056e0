// The other end of a connection, for tests: plain sockets, no cleverness.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/descriptor.hpp"

namespace dojo::net {

/// An answer as read off the wire.
struct Reply {
  int status = 0;
  std::string head;  ///< with its final CRLF
  std::string body;

  [[nodiscard]] bool has(std::string_view line) const {
    return head.find(std::string(line) + "\r\n") != std::string::npos;
  }
};

class Client {
 public:
  static constexpr std::chrono::milliseconds kPatience{10'000};

  /// A socket that is not connected yet.
  explicit Client(bool v6 = false);
  /// Connected to the loopback address.
  static Client to(std::uint16_t port);
  static Client to_v6(std::uint16_t port);

  /// @return false if the connection is refused
  bool connect(std::uint16_t port);
  /// Keeps the kernel from taking in much; before connect().
  void shrink_receive_buffer(int bytes);

  /// @return false if the peer has closed
  bool send(std::string_view bytes);
  void half_close();
  /// Sends a reset and keeps the descriptor.
  void reset();
  /// Sends a FIN, and resets whatever comes afterwards.
  void close() { fd_.reset(); }
  [[nodiscard]] int fd() const { return fd_.get(); }

  /// The next answer. @param to_head true if it answers a HEAD. None if the connection ends or
  /// nothing comes.
  std::optional<Reply> read_reply(bool to_head = false);
  /// The next chunk of a chunked answer; the last one is empty. None as with read_reply().
  std::optional<std::string> read_chunk();
  /// All chunks that are left, joined. None if the connection ends before the last one.
  std::optional<std::string> read_chunks();
  /// True if the connection ends, orderly or not, before anything else comes.
  bool at_end(std::chrono::milliseconds patience = kPatience);
  /// All that comes until the end.
  std::string read_all();
  /// Reads to the end. @return true if it was a FIN, false if a reset
  bool ends_orderly();
  /// True if bytes or the end are there within that time.
  bool readable_within(std::chrono::milliseconds patience);

 private:
  bool fill(std::chrono::milliseconds patience);

  bool v6_ = false;
  bool ended_with_reset_ = false;
  base::Descriptor fd_;
  std::string buffer_;
};

/// `METHOD target HTTP/1.1` with a Host and more headers, each with its CRLF.
std::string request(const std::string& target, const std::string& headers = "",
                    const std::string& body = "", const std::string& method = "GET");
std::string post(const std::string& target, const std::string& body);

}  // namespace dojo::net
