// The vectors in vectors/, which other implementations wrote: see make_vectors.py and
// make_vectors.mjs there.
#pragma once

#include <array>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <simdjson.h>

#include <dojo/wire/signature.hpp>

#include "hex.hpp"
#include "where.hpp"

namespace dojo::wire::test {

template <std::size_t N>
std::array<std::uint8_t, N> bytes(std::string_view hex) {
  std::array<std::uint8_t, N> out{};
  if (!decode_hex(hex, out)) throw std::invalid_argument("wrong hex in a test");
  return out;
}

/// One object of a vector file.
class Vector {
 public:
  explicit Vector(simdjson::dom::element object) : object_(object) {}

  [[nodiscard]] std::string text(std::string_view name) const {
    return std::string(std::string_view(object_[name]));
  }
  [[nodiscard]] std::uint64_t number(std::string_view name) const { return object_[name]; }
  [[nodiscard]] bool has(std::string_view name) const {
    return object_[name].error() == simdjson::SUCCESS;
  }

  template <std::size_t N>
  [[nodiscard]] std::array<std::uint8_t, N> array(std::string_view name) const {
    return bytes<N>(text(name));
  }

  [[nodiscard]] Scheme scheme() const {
    return text("scheme") == "ed25519" ? Scheme::ed25519 : Scheme::sr25519;
  }

  /// So many copies of some bytes.
  [[nodiscard]] std::string message() const {
    const simdjson::dom::element described = object_["message"];
    const std::string_view hex = described["hex"];
    std::vector<std::uint8_t> pattern(hex.size() / 2);
    if (!decode_hex(hex, pattern)) throw std::invalid_argument("wrong hex in a vector");
    std::string message;
    for (std::uint64_t i = described["repeat"]; i > 0; --i) {
      message.append(pattern.begin(), pattern.end());
    }
    return message;
  }

 private:
  simdjson::dom::element object_;
};

/// A vector file.
class VectorFile {
 public:
  explicit VectorFile(std::string_view name)
      : root_(parser_.load(
            std::string(dojo::test::where::kData).append("/wire/vectors/").append(name))) {}

  /// The objects of one of its lists. Fails the test if there are none.
  [[nodiscard]] std::vector<Vector> list(std::string_view name) const {
    std::vector<Vector> vectors;
    for (const auto object : simdjson::dom::array(root_[name])) vectors.emplace_back(object);
    EXPECT_FALSE(vectors.empty()) << name;
    return vectors;
  }

 private:
  simdjson::dom::parser parser_;
  simdjson::dom::element root_;
};

constexpr std::array<std::string_view, 2> kVectorFiles = {"python.json", "polkadot.json"};

}  // namespace dojo::wire::test
