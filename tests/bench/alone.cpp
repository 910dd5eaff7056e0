// What no server of compressed JSON can do without: inflate the body, parse it, and deflate the
// answer; one thread, contexts and buffers kept.
//   bench_alone FILE COUNT      FILE holds the JSON; prints milliseconds of processor time for one
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>

#include <fmt/format.h>
#include <simdjson.h>
#include <zstd.h>

namespace {

constexpr int kLevel = 3;  // the wire's

double cpu_ms() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

class Work {
 public:
  explicit Work(const std::string& json)
      : length_(json.size()), text_(length_ + simdjson::SIMDJSON_PADDING, '\0') {
    frame_.resize(ZSTD_compressBound(length_));
    frame_.resize(
        ZSTD_compressCCtx(out_, frame_.data(), frame_.size(), json.data(), length_, kLevel));
    answer_.resize(ZSTD_compressBound(length_));
  }
  ~Work() {
    ZSTD_freeDCtx(in_);
    ZSTD_freeCCtx(out_);
  }
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

  bool once() {
    const auto inflated =
        ZSTD_decompressDCtx(in_, text_.data(), length_, frame_.data(), frame_.size());
    const bool parsed = parser_.parse(text_.data(), length_, false).error() == simdjson::SUCCESS;
    const auto deflated =
        ZSTD_compressCCtx(out_, answer_.data(), answer_.size(), text_.data(), length_, kLevel);
    return inflated == length_ && parsed && ZSTD_isError(deflated) == 0;
  }

 private:
  std::size_t length_;
  std::string text_;
  std::string frame_;
  std::string answer_;
  ZSTD_DCtx* in_ = ZSTD_createDCtx();
  ZSTD_CCtx* out_ = ZSTD_createCCtx();
  simdjson::dom::parser parser_;
};

}  // namespace

int main(int argc, char** argv) {
  const int count = argc == 3 ? std::atoi(argv[2]) : 0;
  std::ifstream file(count > 0 ? argv[1] : "", std::ios::binary);
  const std::string json(std::istreambuf_iterator<char>(file), {});
  if (json.empty()) {
    fmt::print(stderr, "usage: bench_alone FILE COUNT\n");
    return 2;
  }
  Work work(json);
  if (!work.once()) return 1;  // it also warms up
  const double before = cpu_ms();
  for (int i = 0; i < count; ++i) {
    if (!work.once()) return 1;
  }
  fmt::print("{:.6f}\n", (cpu_ms() - before) / count);
  return 0;
}
