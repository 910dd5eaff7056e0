#include "wire/known_keys.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>
#include <new>
#include <span>
#include <utility>

#include <boost/multi_index/hashed_index.hpp>
#include <boost/multi_index/member.hpp>
#include <boost/multi_index/sequenced_index.hpp>
#include <boost/multi_index_container.hpp>

#include "wire/key_hash.hpp"
#include "wire/sr25519.hpp"

namespace dojo::wire {
namespace {

using sr25519::KeyTable;
using Table = std::shared_ptr<const KeyTable>;

constexpr std::size_t kMostShards = 16;
constexpr std::size_t kKeysOfAShard = 64;  ///< at least, so that keys spread evenly enough
constexpr std::size_t kOncePerKnown = 4;

struct Entry {
  PublicKey key;
  Table table;  ///< null of a key that has proven itself once
};

namespace index = boost::multi_index;
/// In order of use, the latest first.
using Recent = index::multi_index_container<
    Entry,
    index::indexed_by<index::sequenced<>,
                      index::hashed_unique<index::member<Entry, PublicKey, &Entry::key>, KeyHash>>>;

/// Puts a key first, of which there may be so many. @return how many had to go for it
std::size_t put(Recent& recent, Entry entry, std::size_t most) {
  recent.push_front(std::move(entry));
  std::size_t gone = 0;
  for (; recent.size() > most; ++gone) recent.pop_back();
  return gone;
}

}  // namespace

/// A part of the keys, with a lock of its own.
class alignas(64) KnownKeys::Shard {
 public:
  /// Before all else. @param known how many tables at most
  void limit(std::size_t known) { most_ = known; }

  /// The key's table, if it has one: now the latest that was used.
  Table use(const PublicKey& key) {
    const std::lock_guard lock(mutex_);
    const auto& by_key = known_.get<1>();
    const auto found = by_key.find(key);
    if (found == by_key.end()) return nullptr;
    known_.relocate(known_.begin(), known_.project<0>(found));
    return found->table;
  }

  /// A signature of a key without a table was right. @return whether it was the second
  bool prove(const PublicKey& key) {
    const std::lock_guard lock(mutex_);
    if (proven_once_.get<1>().erase(key) != 0) return true;
    put(proven_once_, {key, nullptr}, most_ * kOncePerKnown);
    return false;
  }

  void add(const PublicKey& key, Table table) {
    const std::lock_guard lock(mutex_);
    proven_once_.get<1>().erase(key);  // another thread has seen one more signature meanwhile
    forgotten_ += put(known_, {key, std::move(table)}, most_);
  }

  [[nodiscard]] bool has(const PublicKey& key) const {
    const std::lock_guard lock(mutex_);
    return known_.get<1>().count(key) != 0;
  }

  void count(Sizes& sizes) const {
    const std::lock_guard lock(mutex_);
    sizes.known += known_.size();
    sizes.proven_once += proven_once_.size();
    sizes.forgotten += forgotten_;
  }

 private:
  mutable std::mutex mutex_;
  Recent known_;
  Recent proven_once_;
  std::size_t most_ = 0;
  std::uint64_t forgotten_ = 0;
};

KnownKeys::KnownKeys(std::size_t capacity)
    : shard_count_(std::clamp<std::size_t>(capacity / kKeysOfAShard, 1, kMostShards)),
      shards_(std::make_unique<Shard[]>(shard_count_)) {
  for (std::size_t i = 0; i < shard_count_; ++i) shards_[i].limit(capacity / shard_count_);
}

KnownKeys::~KnownKeys() = default;

KnownKeys::Shard& KnownKeys::shard_of(const PublicKey& key) const {
  // The tables within take the hash modulo a prime, so that its remainders here tell them nothing.
  return shards_[KeyHash()(key) % shard_count_];
}

template <class Check>
bool KnownKeys::check(const PublicKey& key, const Check& holds) {
  Shard& shard = shard_of(key);
  const Table table = shard.use(key);
  if (!holds(table.get())) return false;
  if (table) return true;
  try {
    if (shard.prove(key)) shard.add(key, sr25519::make_table(key));
  } catch (const std::bad_alloc&) {
    return true;  // the signature is as good without a table
  }
  return true;
}

bool KnownKeys::verify(const PublicKey& key, std::string_view message,
                       const SignatureBytes& signature) {
  if (scheme_of(signature) != Scheme::sr25519) return wire::verify(key, message, signature);
  return check(key, [&](const KeyTable* table) {
    return sr25519::verify(key, {&message, 1}, signature, table);
  });
}

bool KnownKeys::verify_maybe_wrapped(const PublicKey& key, std::string_view message,
                                     const SignatureBytes& signature) {
  if (scheme_of(signature) != Scheme::sr25519) {
    return wire::verify_maybe_wrapped(key, message, signature);
  }
  return check(key, [&](const KeyTable* table) {
    return sr25519::verify_maybe_wrapped(key, message, signature, table);
  });
}

KnownKeys::Sizes KnownKeys::sizes() const {
  Sizes sizes;
  for (std::size_t i = 0; i < shard_count_; ++i) shards_[i].count(sizes);
  return sizes;
}

bool KnownKeys::knows(const PublicKey& key) const {
  return shard_of(key).has(key);
}

}  // namespace dojo::wire
