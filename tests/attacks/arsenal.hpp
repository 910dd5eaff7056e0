// What attackers send.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <dojo/wire/ss58.hpp>

#include "caller.hpp"

namespace dojo::attacks {

/// The next request's bytes.
using Source = std::function<std::string()>;

struct ArsenalOptions {
  wire::PublicKey to{};
  std::vector<Speech> speeches;
  /// The group of keys that the host knows, for kinds that need one; impostors use its names.
  std::string group = "honest";
  std::size_t keys = 64;
  /// Requests signed before the attack begins, so that signing does not bound it.
  std::size_t pool = 20'000;
};

/// @param kind unsigned: no headers at all; strangers: keys that nobody knows, rightly signed;
/// sybils: the same, and nothing twice;
/// impostor: names of others with signatures of a right form that are not theirs; replay: an honest
/// request of each dialect, and then the same bytes again and again; greedy: one key of the group,
/// rightly signed; bombs: small zstd frames that hold 64 MiB and more, half of them by one key of
/// the group, half by strangers; json: likewise, of JSON that takes many times its size to read;
/// heavy: one key of the group, rightly signed, asks by 1 KB for work on 12 MB, within all limits;
/// proxied: an impostor's, half of them by a proxy that names an address for them; noise: heads
/// whose refusals are long lines of a log. @return nothing for any other kind
Source make_source(std::string_view kind, const ArsenalOptions& options);

/// Requests to be sent in part, with bodies from large to tiny, by turns: one that its head proves,
/// of the group; one that its body would have to prove, and does not; one of nobody.
Source make_unfinished(const ArsenalOptions& options);

}  // namespace dojo::attacks
