#include <algorithm>
#include <array>
#include <charconv>
#include <new>
#include <utility>

#include <fmt/format.h>
#include <openssl/evp.h>

#include <dojo/model.hpp>
#include <dojo/wire/stream.hpp>

#include "wire/hex.hpp"

namespace dojo::wire {
namespace {

constexpr std::string_view kMark = "\xef\xbb\xbf";
constexpr std::size_t kDigestText = 64;

bool is_digest(std::string_view text) {
  return text.size() == kDigestText && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

/// A JSON number as it is written.
std::optional<std::uint64_t> parse_count(std::string_view text) {
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return count;
}

void must(int done) {
  if (done != 1) throw std::bad_alloc();  // of a digest that is always there nothing else can fail
}

Unexpected<Error> no_end() {
  return fail("the stream's end is no {\"digest\", \"count\", \"signature\"} as it has to be",
              Code::malformed);
}

}  // namespace

std::string format_event(std::string_view event, std::string_view data) {
  constexpr std::size_t kAround = 16;
  std::string text;
  text.reserve(event.size() + data.size() + kAround);
  text.append("event: ").append(event).append("\ndata: ").append(data).append("\n\n");
  return text;
}

// ---- the end

void StreamDigest::Free::operator()(evp_md_ctx_st* context) const {
  EVP_MD_CTX_free(context);
}

StreamDigest::StreamDigest() : context_(EVP_MD_CTX_new()) {
  if (!context_) throw std::bad_alloc();
  must(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr));
}

void StreamDigest::add(std::string_view chunk) {
  must(EVP_DigestUpdate(context_.get(), chunk.data(), chunk.size()));
  ++count_;
}

std::string StreamDigest::hex() const {
  const std::unique_ptr<evp_md_ctx_st, Free> copy(EVP_MD_CTX_new());
  if (!copy) throw std::bad_alloc();
  must(EVP_MD_CTX_copy_ex(copy.get(), context_.get()));
  std::array<unsigned char, kDigestText / 2> digest{};
  must(EVP_DigestFinal_ex(copy.get(), digest.data(), nullptr));
  return encode_hex(digest);
}

std::string format_stream_end(const StreamEnd& end) {
  const auto signature =
      end.signature ? fmt::format(R"(,"signature":"{}")", *end.signature) : std::string();
  return fmt::format(R"({{"digest":"{}","count":{}{}}})", end.digest, end.count, signature);
}

Result<StreamEnd> parse_stream_end(std::string_view json) {
  using Reader = JsonReader;
  Reader reader(json);
  if (reader.enter_object() != Reader::Read::yes) return no_end();
  std::optional<std::string> digest;
  std::optional<std::uint64_t> count;
  std::optional<std::string> signature;
  const auto read_text = [&](std::optional<std::string>& into) {
    std::string_view text;
    if (into || reader.string(text) != Reader::Read::yes) return false;
    into = text;
    return true;
  };
  const auto read_count = [&] {
    std::string_view text;
    if (count || !reader.raw(text)) return false;
    count = parse_count(text);
    return count.has_value();
  };
  std::string_view key;
  for (auto next = reader.next_key(key); next != Reader::Next::end; next = reader.next_key(key)) {
    if (next == Reader::Next::broken) return no_end();
    const bool read = key == "digest"      ? read_text(digest)
                      : key == "count"     ? read_count()
                      : key == "signature" ? read_text(signature)
                                           : false;
    if (!read) return no_end();
  }
  if (!reader.finish() || !digest || !count || !is_digest(*digest)) return no_end();
  return StreamEnd{std::move(*digest), *count, std::move(signature)};
}

// ---- events

Status EventReader::feed(std::string_view bytes, const OnEvent& on_event) {
  while (!bytes.empty()) {
    if (std::exchange(after_cr_, false) && bytes.front() == '\n') {
      bytes.remove_prefix(1);
      continue;
    }
    const auto end = bytes.find_first_of("\r\n");
    const auto piece = bytes.substr(0, end);
    if (line_.size() + piece.size() > kLongest || data_.size() + piece.size() > kLongest)
      return fail("an event of the stream is too long", Code::too_large);
    if (end == std::string_view::npos) {
      line_ += piece;
      return {};
    }
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    if (line_.empty()) {
      end_line(piece, on_event);
    } else {
      line_ += piece;
      end_line(line_, on_event);
      line_.clear();
    }
  }
  return {};
}

void EventReader::end_line(std::string_view line, const OnEvent& on_event) {
  if (std::exchange(first_, false) && line.starts_with(kMark)) line.remove_prefix(kMark.size());
  if (line.empty()) {
    if (has_data_) on_event(event_.empty() ? "message" : std::string_view(event_), data_);
    event_.clear();
    data_.clear();
    has_data_ = false;
    return;
  }
  const auto colon = line.find(':');
  const auto field = line.substr(0, colon);
  auto value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "event") {
    event_ = value;
  } else if (field == "data") {
    if (std::exchange(has_data_, true)) data_ += '\n';
    data_ += value;
  }
}

}  // namespace dojo::wire
