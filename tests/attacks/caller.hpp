// Callers of a host under attack: keys that can be derived again, and requests signed in each
// dialect.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dojo/wire/dialect.hpp>
#include <dojo/wire/keypair.hpp>
#include <dojo/wire/signature.hpp>
#include <dojo/wire/ss58.hpp>

namespace dojo::attacks {

/// The dialects, written here from their documents and not by the library: what the host reads has
/// a second source then.
enum class Speech : std::uint8_t { legacy, dojo1, epistula2 };

std::string_view to_string(Speech speech);
/// Of "legacy,dojo/1". Ends the program, with a word on what is wrong, for any other.
std::vector<Speech> parse_speeches(std::string_view list);

using Headers = std::vector<std::pair<std::string, std::string>>;
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

/// This machine's clock.
WallTime now();

/// A request's body with what the dialects sign of it.
struct Body {
  explicit Body(std::string sent);
  std::string bytes;    ///< as sent
  wire::BodyHash hash;  ///< of dojo/1
  std::string sha256;   ///< of epistula/2: hex
};

/// Echo requests of about 1 KB, compressed, no two alike.
std::vector<Body> echo_bodies(std::size_t count);

/// The key of this place in a group of callers: the same in every run, so that a driver can know
/// it.
wire::Keypair key_of(std::string_view group, std::size_t place);

class Caller {
 public:
  /// @param skew how far its clock is ahead
  Caller(wire::Keypair key, Speech speech, std::chrono::milliseconds skew = {});

  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] Speech speech() const { return speech_; }
  [[nodiscard]] std::chrono::milliseconds skew() const { return skew_; }

  /// The signing headers of a request, signed now.
  /// @param to the receiver @param forged put in the place of the signature, if not null
  [[nodiscard]] Headers sign(std::string_view method, std::string_view path,
                             const wire::PublicKey& to, const Body& body,
                             const wire::SignatureBytes* forged = nullptr) const;

 private:
  [[nodiscard]] std::string signature(std::string_view message,
                                      const wire::SignatureBytes* forged) const;
  wire::Keypair key_;
  std::string address_;
  Speech speech_;
  std::chrono::milliseconds skew_;
};

/// `count` callers of a group who speak the dialects in turn. Of each dialect the first one's clock
/// is behind by `most_skew` and the last one's ahead by it; of epistula/2, whose window is 8 s back
/// and 2 s ahead, by a second at most.
std::vector<Caller> callers_of(std::string_view group, std::size_t count,
                               const std::vector<Speech>& speeches,
                               std::chrono::milliseconds most_skew);

/// POST with these headers, as it goes over the network.
std::string post(std::string_view path, const Headers& headers, std::string_view body);
/// The same to /Echo.
std::string post_echo(const Headers& headers, std::string_view body);

}  // namespace dojo::attacks
