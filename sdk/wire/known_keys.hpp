// Public keys whose signatures come often: what has been computed of them is kept, and checking the
// next signature takes about half of the time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include <dojo/wire/signature.hpp>
#include <dojo/wire/ss58.hpp>

namespace dojo::wire {

/// Checks signatures as wire::verify() does, with the same outcome, and gets to know sr25519 keys:
/// from its second good signature on, a key has a table (sr25519::KeyTable). Who has no key that
/// signs gets nothing in here, and one signature takes nobody's place. When it is full, the key
/// that has been used least recently goes. A table is about 9.3 KB, and of a key that has proven
/// itself once some 100 bytes are kept, of four times as many at most: 10 MB for the default, when
/// it is full. Any thread: tables are made and used without a lock.
class KnownKeys {
 public:
  static constexpr std::size_t kCapacity = 1024;  ///< a subnet has 256 hotkeys

  /// @param capacity how many keys at most
  explicit KnownKeys(std::size_t capacity = kCapacity);
  ~KnownKeys();
  KnownKeys(const KnownKeys&) = delete;
  KnownKeys& operator=(const KnownKeys&) = delete;

  /// wire::verify(), see there.
  bool verify(const PublicKey& key, std::string_view message, const SignatureBytes& signature);
  /// The same by a scheme that was declared, see there.
  bool verify(const PublicKey& key, Scheme scheme, std::string_view message,
              const SignatureBytes& signature) {
    return scheme_of(signature) == scheme && verify(key, message, signature);
  }
  /// wire::verify_maybe_wrapped(), see there.
  bool verify_maybe_wrapped(const PublicKey& key, std::string_view message,
                            const SignatureBytes& signature);

  struct Sizes {
    std::size_t known = 0;        ///< keys with a table
    std::size_t proven_once = 0;  ///< keys that will have one after their next signature
    std::uint64_t forgotten = 0;  ///< tables that had to go for want of room, since the start
  };
  [[nodiscard]] Sizes sizes() const;
  /// Whether it has a table. Does not count as use.
  [[nodiscard]] bool knows(const PublicKey& key) const;

 private:
  class Shard;
  template <class Check>
  bool check(const PublicKey& key, const Check& holds);
  [[nodiscard]] Shard& shard_of(const PublicKey& key) const;

  const std::size_t shard_count_;
  const std::unique_ptr<Shard[]> shards_;
};

}  // namespace dojo::wire
