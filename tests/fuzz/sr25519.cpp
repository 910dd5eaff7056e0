// Signatures that are right but for one thing, and any bytes: dojo::wire says of each what three
// calls of libsodium's say, with a table of the key and without.
#include "sr25519.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <dojo/wire/signature.hpp>

#include "sr25519/by_libsodium.hpp"
#include "sr25519/mutants.hpp"

namespace {

using namespace dojo::wire;
using test::Bytes32;
using test::Mutation;

void require(bool condition) {
  if (!condition) std::abort();
}

/// Takes bytes from the front; zeros when there are no more.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}
  template <std::size_t N>
  std::array<std::uint8_t, N> take() {
    std::array<std::uint8_t, N> bytes{};
    const auto count = std::min(N, rest_.size());
    std::copy_n(rest_.begin(), count, bytes.begin());
    rest_.remove_prefix(count);
    return bytes;
  }
  std::uint8_t byte() { return take<1>()[0]; }
  [[nodiscard]] std::string rest() const { return std::string(rest_); }

 private:
  std::string_view rest_;
};

void check(const Bytes32& key, std::string_view message, const SignatureBytes& signature) {
  const bool expected = test::verify_by_libsodium(key, message, signature);
  require(sr25519::verify(key, {&message, 1}, signature) == expected);
  if (scheme_of(signature) == Scheme::sr25519) {
    require(verify(key, message, signature) == expected);
  }
  const auto table = sr25519::make_table(key);
  require(table || !expected);
  if (table) require(sr25519::verify(key, {&message, 1}, signature, table.get()) == expected);
  // In parts, the message is the same.
  const std::array parts = {message.substr(0, message.size() / 3),
                            message.substr(message.size() / 3)};
  require(sr25519::verify(key, parts, signature) == expected);
}

void check_commitment(const Bytes32& key, const Bytes32& s, const Bytes32& c) {
  if (!sr25519::is_canonical(s) || !sr25519::is_canonical(c)) return;  // libsodium takes those
  const auto expected = test::commitment_by_libsodium(key, s, c);
  require(sr25519::commitment_of(key, s, c) == expected);
  if (const auto table = sr25519::make_table(key)) {
    require(sr25519::commitment_of(*table, s, c) == expected);
  }
}

/// As xxd -r -p of RFC 8032's first secret keys: any will do.
const test::Signing& signer(std::size_t which) {
  static const std::array kSigners = {test::Signing(Bytes32{}), test::Signing(Bytes32{1}),
                                      test::Signing(Bytes32{2}), test::Signing(Bytes32{3})};
  return kSigners[which % kSigners.size()];
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const auto kind = input.byte();
  if (kind == 0xff) {
    const auto key = input.take<32>();
    const auto signature = input.take<64>();
    check(key, input.rest(), signature);
    return 0;
  }
  if (kind == 0xfe || kind == 0xfd) {
    const auto key = kind == 0xfe ? signer(input.byte()).key : input.take<32>();
    const auto s = input.take<32>();
    check_commitment(key, s, input.take<32>());
    return 0;
  }
  const auto who = input.byte();
  const auto choice = input.take<2>();
  const test::Nonce nonce(input.take<64>());
  static const test::Nonce kSpare({7});
  const test::Mutator mutator(signer(who), signer(who + 1U), nonce, kSpare);
  const auto triple = mutator.make(static_cast<Mutation>(kind % test::kMutations), input.rest(),
                                   choice[0] + 256U * choice[1]);
  check(triple.key, triple.message, triple.signature);
  return 0;
}
