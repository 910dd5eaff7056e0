#include <memory>
#include <random>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <zstd.h>

#include <dojo/wire/compression.hpp>

namespace dojo::wire {
namespace {

using testing::HasSubstr;

struct FreeCompressor {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

/// A frame made otherwise than compress() makes them.
class Frame {
 public:
  Frame& set(ZSTD_cParameter parameter, int value) {
    EXPECT_EQ(ZSTD_isError(ZSTD_CCtx_setParameter(context_.get(), parameter, value)), 0U);
    return *this;
  }
  Frame& dictionary(std::string_view bytes) {
    ZSTD_CCtx_loadDictionary(context_.get(), bytes.data(), bytes.size());
    return *this;
  }
  /// As a stream whose end is not known at its beginning: no content size in the header.
  [[nodiscard]] std::string streamed(std::string_view content) const {
    std::string out(ZSTD_compressBound(content.size()) + 64, '\0');
    ZSTD_inBuffer in{content.data(), content.size(), 0};
    ZSTD_outBuffer buffer{out.data(), out.size(), 0};
    EXPECT_NE(ZSTD_compressStream2(context_.get(), &buffer, &in, ZSTD_e_flush), 1U);
    EXPECT_EQ(ZSTD_compressStream2(context_.get(), &buffer, &in, ZSTD_e_end), 0U);
    out.resize(buffer.pos);
    return out;
  }
  [[nodiscard]] std::string whole(std::string_view content) const {
    std::string out(ZSTD_compressBound(content.size()), '\0');
    out.resize(
        ZSTD_compress2(context_.get(), out.data(), out.size(), content.data(), content.size()));
    return out;
  }

 private:
  std::unique_ptr<ZSTD_CCtx, FreeCompressor> context_{ZSTD_createCCtx()};
};

std::string noise(std::size_t size) {
  std::mt19937 random(7);  // NOLINT(cert-msc51-cpp): the same bytes each time
  std::string bytes(size, '\0');
  for (auto& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

std::string skippable(std::string_view content) {
  std::string frame("\x53\x2a\x4d\x18", 4);
  for (unsigned i = 0; i < 4; ++i) frame += static_cast<char>(content.size() >> 8 * i);
  return frame.append(content);
}

void expect_error(const Result<std::string>& result, Code code, std::string_view text = "") {
  ASSERT_FALSE(result) << result->size() << " bytes";
  EXPECT_EQ(result.error().code, code) << result.error().message;
  EXPECT_THAT(result.error().message, HasSubstr(text));
}

void expect_content(const Result<std::string>& result, std::string_view content) {
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->size(), content.size());
  EXPECT_TRUE(*result == content);
}

TEST(Compression, IsUndone) {
  for (const std::size_t size : {0U, 1U, 100U, 4096U, 131'072U, 131'073U, 3'000'000U}) {
    for (const std::string& content : {std::string(size, 'a'), noise(size)}) {
      const auto frame = compress(content);
      ASSERT_TRUE(frame);
      expect_content(decompress(*frame), content);
    }
  }
}

TEST(Compression, StatesTheContentSize) {
  for (const std::size_t size : {0U, 1U, 255U, 256U, 70'000U}) {
    const auto frame = compress(std::string(size, 'a'));
    ASSERT_TRUE(frame);
    EXPECT_EQ(ZSTD_getFrameContentSize(frame->data(), frame->size()), size);
  }
}

TEST(Compression, HasLevelsFrom1To22) {
  const std::string content = noise(1000);
  for (const int level : {1, 3, 19, 22})
    expect_content(decompress(*compress(content, level)), content);
  for (const int level : {-1, 0, 23}) EXPECT_FALSE(compress(content, level)) << level;
}

TEST(Compression, WorksOnManyThreadsAtOnce) {
  const std::string content = noise(10'000);
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 20; ++n) expect_content(decompress(*compress(content)), content);
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST(Decompression, NeedsNoContentSize) {
  for (const std::size_t size : {0U, 1U, 5000U, 1'000'000U}) {
    for (const std::string& content : {std::string(size, 'a'), noise(size)}) {
      const std::string frame = Frame().streamed(content);
      if (size > 0) {
        ASSERT_EQ(ZSTD_getFrameContentSize(frame.data(), frame.size()), ZSTD_CONTENTSIZE_UNKNOWN);
      }
      expect_content(decompress(frame), content);
    }
  }
}

TEST(Decompression, TakesFramesInARow) {
  const std::string frames = *compress("one") + Frame().streamed("two") + skippable("ignored") +
                             *compress("") + skippable("") + *compress("three");
  expect_content(decompress(frames), "onetwothree");
  expect_content(decompress(skippable("ignored") + *compress("a")), "a");
}

TEST(Decompression, StaysCheapForManySmallFrames) {
  std::string frames;
  const std::string one = Frame().streamed("x");
  for (int i = 0; i < 100'000; ++i) frames += one;
  expect_content(decompress(frames), std::string(100'000, 'x'));
}

TEST(Decompression, StopsAtItsBudget) {
  const std::string content = noise(1000);
  for (const std::string& frame : {*compress(content), Frame().streamed(content)}) {
    expect_content(decompress(frame, {.max_output = 1000}), content);
    expect_error(decompress(frame, {.max_output = 999}), Code::too_large, "999");
    expect_error(decompress(frame, {.max_output = 0}), Code::too_large);
  }
  expect_content(decompress(*compress(""), {.max_output = 0}), "");
  expect_content(decompress(*compress("a"), {.max_output = SIZE_MAX}), "a");
}

TEST(Decompression, StopsAtItsBudgetWithinBlocksWhoseSizeNobodyKnows) {
  // Text is neither noise nor one byte again and again: only decoding tells how much it is.
  std::string text;
  while (text.size() < 400'000) text += "line " + std::to_string(text.size() * 7919) + " of many\n";
  for (const std::size_t budget : {1'000U, 131'072U, 300'000U}) {
    for (const std::size_t more : {1U, 2U, 100'000U}) {
      const auto frame = Frame().streamed(text.substr(0, budget + more));
      ASSERT_LT(frame.size(), (budget + more) / 2);
      expect_error(decompress(frame, {.max_output = budget}), Code::too_large);
      expect_content(decompress(frame, {.max_output = budget + more}),
                     text.substr(0, budget + more));
    }
  }
}

TEST(Decompression, CountsAllFramesTogether) {
  const std::string frames = *compress("12345") + *compress("12345");
  expect_content(decompress(frames, {.max_output = 10}), "1234512345");
  expect_error(decompress(frames, {.max_output = 9}), Code::too_large);
  const std::string streamed = Frame().streamed("12345") + Frame().streamed("12345");
  expect_error(decompress(streamed, {.max_output = 9}), Code::too_large);
}

TEST(Decompression, RefusesABombWithAndWithoutItsSize) {
  const std::string content(std::size_t{64} << 20, '\0');
  for (const std::string& bomb : {*compress(content), Frame().streamed(content)}) {
    ASSERT_LT(bomb.size(), 10'000U);
    expect_error(decompress(bomb, {.max_output = std::size_t{1} << 20}), Code::too_large);
  }
}

TEST(Decompression, RefusesABombBeforeItDecodesAnything) {
  // Had it begun to decode, it would have found the first frame's checksum wrong.
  auto broken = Frame().set(ZSTD_c_checksumFlag, 1).whole(noise(100'000));
  broken.back() = static_cast<char>(broken.back() ^ 1);
  const std::string zeros(std::size_t{8} << 20, '\0');
  for (const auto& bomb :
       {Frame().streamed(zeros), Frame().whole(zeros),
        Frame().whole(zeros.substr(0, 2 << 20)) + Frame().streamed(zeros.substr(0, 3 << 20)),
        Frame().streamed(noise(5 << 20))}) {
    for (const auto& between : {std::string(), skippable("x")}) {
      const auto refused = decompress(broken + between + bomb, {.max_output = 4 << 20});
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().code, Code::too_large);
    }
    EXPECT_EQ(decompress(broken + bomb, {.max_output = 64 << 20}).error().code, Code::invalid_body);
  }
}

TEST(Decompression, RefusesAClaimOverBudgetAtOnce) {
  // Eight bytes of claimed content size, and nothing behind the header.
  const std::string claim("\x28\xb5\x2f\xfd\xe0\xff\xff\xff\xff\xff\xff\xff\x7f", 13);
  expect_error(decompress(claim), Code::too_large);
}

TEST(Decompression, RefusesAFalseClaim) {
  std::string frame = *compress("12345");
  ASSERT_EQ(frame[5], 5) << "the content size's place";
  for (const char claim : {'\0', '\1', '\4', '\6', 'd'}) {
    frame[5] = claim;
    expect_error(decompress(frame), Code::invalid_body);
  }
}

TEST(Decompression, RefusesWhatIsCutShort) {
  const std::string content = noise(500);
  for (const std::string& frame :
       {*compress(content), Frame().streamed(content),
        Frame().set(ZSTD_c_checksumFlag, 1).whole(content), *compress("a") + *compress("b"),
        skippable("abc") + *compress("a")}) {
    for (std::size_t size = 0; size < frame.size(); ++size) {
      const auto result = decompress(std::string_view(frame).substr(0, size));
      if (result) {  // cut where a frame ends
        EXPECT_EQ(*result, "a");
        continue;
      }
      EXPECT_EQ(result.error().code, Code::invalid_body) << size;
      EXPECT_THAT(result.error().message, testing::HasSubstr(size < 14 ? "" : "cut short")) << size;
    }
  }
}

TEST(Decompression, RefusesBytesBehindTheFrame) {
  const std::string frame = *compress("content");
  for (const auto* rest : {"x", "xx", "xxxx", "{\"a\": 1}", "\x28\xb5\x2f\xfd"}) {
    expect_error(decompress(frame + rest), Code::invalid_body);
  }
}

TEST(Decompression, RefusesWhatIsNoZstd) {
  for (const auto* text : {"", "x", "{\"a\": 1}", "\x1f\x8b\x08", "(\xb5/\xfc"}) {
    expect_error(decompress(text), Code::invalid_body);
  }
  expect_error(decompress(skippable("only this")), Code::invalid_body);
}

TEST(Decompression, RefusesFormatsFromBeforeTheStandard) {
  for (char version = 0x22; version <= 0x27; ++version) {
    const std::string magic = {version, '\xb5', '\x2f', '\xfd'};
    expect_error(decompress(magic + std::string(60, '\0')), Code::invalid_body, "no frame begins");
  }
}

TEST(Decompression, RefusesADictionary) {
  // A dictionary of the standard's form (RFC 8878 §5) has an id, which frames made with it name.
  std::string frame = *compress("content");
  frame[4] = static_cast<char>(frame[4] | 1);
  frame.insert(5, "\x07");
  ASSERT_EQ(ZSTD_getDictID_fromFrame(frame.data(), frame.size()), 7U);
  expect_error(decompress(frame), Code::invalid_body, "dictionary");
}

TEST(Decompression, RefusesAWindowOverItsLimit) {
  const std::string content(100, 'a');
  for (const auto& [log, good] : {std::pair{22, true}, {23, true}, {24, false}, {27, false}}) {
    const std::string frame = Frame().set(ZSTD_c_windowLog, log).streamed(content);
    if (good) {
      expect_content(decompress(frame), content);
    } else {
      expect_error(decompress(frame), Code::invalid_body, "window");
      expect_content(decompress(frame, {.max_window_log = log}), content);
    }
  }
  expect_error(
      decompress(Frame().set(ZSTD_c_windowLog, 20).streamed(content), {.max_window_log = 19}),
      Code::invalid_body, "window");
}

TEST(Decompression, RefusesAWindowOverItsLimitAlsoWithAContentSize) {
  // 2^23 and 1/8 more, of which the content needs nothing: window byte (13 << 3) + 1, content size
  // in two bytes.
  std::string frame("\x28\xb5\x2f\xfd\x40\x69\x2c\x00", 8);
  frame += std::string("\x63\x09\x00", 3) + 'a';  // last block, RLE, 300 bytes
  expect_error(decompress(frame), Code::invalid_body, "window");
  frame[5] = '\x68';
  expect_content(decompress(frame), std::string(300, 'a'));
}

TEST(Decompression, RefusesAWrongChecksum) {
  std::string frame = Frame().set(ZSTD_c_checksumFlag, 1).whole("content");
  expect_content(decompress(frame), "content");
  frame.back() = static_cast<char>(frame.back() ^ 1);
  expect_error(decompress(frame), Code::invalid_body, "checksum");
}

TEST(Decompression, IsNotHarmedByAnEarlierError) {
  const std::string content = noise(100'000);
  const std::string frame = Frame().streamed(content);
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(decompress(std::string_view(frame).substr(0, 50'000)));
    expect_content(decompress(frame), content);
  }
}

}  // namespace
}  // namespace dojo::wire
