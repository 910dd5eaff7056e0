// Is what dojo::wire says of signatures what another implementation says? Deals out signatures that
// are right but for one thing, and any that are right, and compares verdicts.
//
//   sr25519_verdicts COUNT SEED
//
// The same seed deals the same cases. Standard output, in batches: how many cases and how many
// bytes of them follow (u32 both, little-endian), then the cases: the message's length (u16), 32
// bytes of key, 64 of signature, the message. Standard input: one byte for each case of a batch, 1
// if the signature was found right, else 0. A batch of no cases ends it. Standard error: for each
// sort of case how many there were, how many this side took and how many the other. Exits 1 if
// verdicts differ where they may not.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "sr25519.hpp"
#include "sr25519/mutants.hpp"

namespace {

using namespace dojo::wire;
using test::Bytes32;
using test::Mutation;

constexpr std::size_t kBatch = 4096;
constexpr std::size_t kCasesOfASigner = 256;
constexpr std::size_t kCasesOfANonce = 4;

struct Case {
  Mutation mutation;
  test::Triple triple;
  bool with_table;  ///< whether it is checked with a table of its key
};

/// Where the two may differ: schnorrkel takes the identity for a key, under which anybody can sign
/// anything (R = sB). Here it is refused, as ed25519's small-order keys are: it is nobody's.
bool may_differ(Mutation mutation, bool ours, bool theirs) {
  return mutation == Mutation::key_identity && !ours && theirs;
}

class Dealer {
 public:
  explicit Dealer(std::uint64_t seed) : random_(seed) {}

  Case deal() {
    const auto index = dealt_++;
    if (index % kCasesOfASigner == 0) {
      signer_.emplace(bytes<32>());
      other_.emplace(bytes<32>());
      table_ = sr25519::make_table(signer_->key);
    }
    if (index % kCasesOfANonce == 0) {
      spare_.emplace(nonce_ ? *nonce_ : test::Nonce(bytes<64>()));
      nonce_.emplace(bytes<64>());
    }
    const auto number = random_();
    const auto mutation = static_cast<Mutation>(number % test::kMutations);
    const test::Mutator mutator(*signer_, *other_, *nonce_, *spare_);
    return {mutation, mutator.make(mutation, message(), static_cast<std::uint32_t>(number >> 32)),
            index / kCasesOfANonce % 2 == 0};
  }

  [[nodiscard]] bool verdict(const Case& dealt) const {
    const auto& [key, message, signature] = dealt.triple;
    const std::string_view text = message;
    if (!dealt.with_table) return sr25519::verify(key, {&text, 1}, signature);
    if (key == signer_->key) return sr25519::verify(key, {&text, 1}, signature, table_.get());
    const auto table = sr25519::make_table(key);
    return table && sr25519::verify(key, {&text, 1}, signature, table.get());
  }

 private:
  template <std::size_t N>
  std::array<std::uint8_t, N> bytes() {
    std::array<std::uint8_t, N> made{};
    for (auto& byte : made) byte = static_cast<std::uint8_t>(random_());
    return made;
  }

  /// Mostly short; now and then around STROBE's blocks of 166 bytes.
  std::string message() {
    const auto number = random_();
    std::string text(number % 8 == 0 ? number / 8 % 600 : number / 8 % 40, '\0');
    for (auto& letter : text) letter = static_cast<char>(random_());
    return text;
  }

  std::mt19937_64 random_;
  std::uint64_t dealt_ = 0;
  std::optional<test::Signing> signer_;
  std::optional<test::Signing> other_;
  std::optional<test::Nonce> nonce_;
  std::optional<test::Nonce> spare_;
  std::shared_ptr<const sr25519::KeyTable> table_;
};

struct Tally {
  std::uint64_t cases = 0;
  std::uint64_t ours = 0;
  std::uint64_t theirs = 0;
  std::uint64_t wrong = 0;
};

/// A batch: cases, and what this side says of them.
struct Batch {
  std::vector<Case> cases;
  std::vector<bool> verdicts;
};

[[noreturn]] void give_up(const char* why) {
  fmt::print(stderr, "{}\n", why);
  std::exit(2);
}

template <class Number>
void append(std::string& out, Number number) {
  static_assert(std::endian::native == std::endian::little);
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

template <std::size_t N>
void append(std::string& out, const std::array<std::uint8_t, N>& bytes) {
  out.append(reinterpret_cast<const char*>(bytes.data()), N);
}

void send(const std::vector<Case>& cases) {
  std::string body;
  for (const auto& dealt : cases) {
    append(body, static_cast<std::uint16_t>(dealt.triple.message.size()));
    append(body, dealt.triple.key);
    append(body, dealt.triple.signature);
    body += dealt.triple.message;
  }
  std::string head;
  append(head, static_cast<std::uint32_t>(cases.size()));
  append(head, static_cast<std::uint32_t>(body.size()));
  if (std::fwrite(head.data(), 1, head.size(), stdout) != head.size() ||
      std::fwrite(body.data(), 1, body.size(), stdout) != body.size() || std::fflush(stdout) != 0) {
    give_up("nobody reads the cases");
  }
}

/// Dealt, and sent: the other side is at work while this one finds its own verdicts.
Batch deal(Dealer& dealer, std::uint64_t count) {
  Batch batch;
  for (std::uint64_t i = 0; i < count; ++i) {
    batch.cases.push_back(dealer.deal());
    batch.verdicts.push_back(dealer.verdict(batch.cases.back()));
  }
  send(batch.cases);
  return batch;
}

template <std::size_t N>
std::string hex(const std::array<std::uint8_t, N>& bytes) {
  return fmt::format("{:02x}", fmt::join(bytes, ""));
}

void compare(const Batch& batch, std::array<Tally, test::kMutations>& tallies) {
  std::string answers(batch.cases.size(), '\0');
  if (std::fread(answers.data(), 1, answers.size(), stdin) != answers.size()) {
    give_up("verdicts are missing");
  }
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const auto& dealt = batch.cases[i];
    const bool ours = batch.verdicts[i];
    const bool theirs = answers[i] != 0;
    auto& tally = tallies[static_cast<std::size_t>(dealt.mutation)];
    ++tally.cases;
    tally.ours += ours ? 1U : 0U;
    tally.theirs += theirs ? 1U : 0U;
    if (ours == theirs || may_differ(dealt.mutation, ours, theirs)) continue;
    if (tally.wrong++ > 3) continue;
    fmt::print(
        stderr, "differs: {}, {}, here {}, there {}\n  key {}\n  signature {}\n  message {:02x}\n",
        test::kMutationNames[static_cast<std::size_t>(dealt.mutation)],
        dealt.with_table ? "with a table" : "without a table", ours, theirs, hex(dealt.triple.key),
        hex(dealt.triple.signature),
        fmt::join(
            std::vector<std::uint8_t>(dealt.triple.message.begin(), dealt.triple.message.end()),
            ""));
  }
}

int report(const std::array<Tally, test::kMutations>& tallies) {
  bool wrong = false;
  for (std::size_t i = 0; i < tallies.size(); ++i) {
    const auto& tally = tallies[i];
    fmt::print(stderr, "{} {} {} {} {}\n", test::kMutationNames[i], tally.cases, tally.ours,
               tally.theirs, tally.wrong);
    wrong |= tally.wrong != 0;
  }
  return wrong ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) give_up("usage: sr25519_verdicts COUNT SEED");
  std::uint64_t left = std::strtoull(argv[1], nullptr, 10);
  Dealer dealer(std::strtoull(argv[2], nullptr, 10));
  std::array<Tally, test::kMutations> tallies{};
  std::optional<Batch> before;
  while (left > 0) {
    const auto count = std::min<std::uint64_t>(left, kBatch);
    left -= count;
    Batch batch = deal(dealer, count);
    if (before) compare(*before, tallies);
    before = std::move(batch);
  }
  send({});
  if (before) compare(*before, tallies);
  return report(tallies);
}
