#include "policy/metagraph/metagraph_source.hpp"

#include <atomic>
#include <filesystem>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/stat.h>

#include "client/scripted_peer.hpp"
#include "host/scratch_folder.hpp"
#include "policy/kami.hpp"

namespace dojo::policy {
namespace {

using dojo::test::kami_answer;
using dojo::test::key_of;
using dojo::test::ScratchFolder;
using dojo::test::some_neurons;
using dojo::test::write_file;
using dojo::testing::Reply;
using dojo::testing::ScriptedPeer;
using dojo::testing::Seen;
using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr WallTime kStart(std::chrono::milliseconds(1'700'000'000'000));

Reply reply(std::string text, int status = 200) {
  Reply made;
  made.status = status;
  made.body = std::move(text);
  return made;
}
Reply good(std::uint64_t block = 100, std::uint32_t neurons = 8, int netuid = 52) {
  return reply(kami_answer(some_neurons(neurons), netuid, block));
}

/// Lines as they were logged, to be read at any time.
class Lines : public spdlog::sinks::base_sink<std::mutex> {
 public:
  [[nodiscard]] std::string text() {
    const std::lock_guard lock(mutex_);
    return text_;
  }
  void clear() {
    const std::lock_guard lock(mutex_);
    text_.clear();
  }

 private:
  void sink_it_(const spdlog::details::log_msg& line) override {
    text_.append(line.payload.data(), line.payload.size());
    text_ += '\n';
  }
  void flush_() override {}
  std::string text_;
};

/// Until a condition holds. @return false after ten seconds
template <class Condition>
bool eventually(const Condition& condition) {
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

/// A source, its folder, its clock, and a Kami that answers as told.
class Source : public ::testing::Test {
 protected:
  Source() {
    options_.url = kami_.url();
    options_.netuid = 52;
    options_.refresh = 1'000s;  // readings are asked for
    options_.retry_least = 1'000s;
    options_.timeout = 20s;
    options_.max_age = 600s;
  }
  ~Source() override { kami_.release(); }

  std::unique_ptr<MetagraphSource> open() {
    auto source =
        MetagraphSource::open(options_, state_.path(), log_, [this] { return now_.load(); });
    if (!source) throw std::runtime_error(source.error().message);
    return std::move(*source);
  }
  void answer(std::function<Reply(const Seen&)> script) {
    const std::lock_guard lock(mutex_);
    script_ = std::move(script);
  }
  void answer(const Reply& always) {
    answer([always](const Seen&) { return always; });
  }
  static bool wait_for_readings(const MetagraphSource& source, std::uint64_t count) {
    return eventually([&] { return source.status().readings >= count; });
  }
  /// Asks anew, and what the error is then.
  static std::string error_of(MetagraphSource& source) {
    const auto before = source.status().failures;
    source.refresh();
    EXPECT_TRUE(eventually([&] { return source.status().failures > before; }));
    return source.status().error;
  }
  [[nodiscard]] std::string logged() const { return lines_->text(); }

  mutable std::mutex mutex_;
  std::function<Reply(const Seen&)> script_ = [](const Seen&) { return good(); };  // mutex_
  std::atomic<WallTime> now_{kStart};
  ScratchFolder state_;
  std::shared_ptr<Lines> lines_ = std::make_shared<Lines>();
  base::Log log_{std::make_shared<spdlog::logger>("test", lines_), base::LogFormat::text};
  ScriptedPeer kami_{[this](const Seen& seen) {
    std::unique_lock lock(mutex_);
    const auto script = script_;
    lock.unlock();
    return script(seen);
  }};
  MetagraphOptions options_;
};

TEST_F(Source, ReadsWhatKamiAnswers) {
  const auto source = open();
  ASSERT_TRUE(wait_for_readings(*source, 1));
  EXPECT_EQ(kami_.seen().at(0).path, "/chain/subnet-metagraph/52");
  const auto view = source->view();
  ASSERT_TRUE(view.metagraph);
  EXPECT_EQ(view.metagraph->block(), 100u);
  EXPECT_EQ(view.metagraph->find(key_of(4))->uid, 4);
  EXPECT_TRUE(view.fresh && view.wanted && view.usable());
  const auto status = source->status();
  EXPECT_EQ(status.age, 0s);
  EXPECT_EQ(status.block, 100u);
  EXPECT_EQ(status.neurons, 8u);
  EXPECT_EQ(status.error, "");
  EXPECT_THAT(logged(), HasSubstr("metagraph read"));
}

TEST_F(Source, TakesAPathBeforeKamisOwn) {
  options_.url += "/kami//";
  const auto source = open();
  ASSERT_TRUE(wait_for_readings(*source, 1));
  EXPECT_EQ(kami_.seen().at(0).path, "/kami/chain/subnet-metagraph/52");
}

TEST_F(Source, IsNotWantedWithoutUrlAndFile) {
  options_.url.clear();
  const auto source = open();
  source->refresh();
  EXPECT_FALSE(source->view().wanted);
  EXPECT_FALSE(source->view().usable());
  EXPECT_FALSE(source->status().age);
}

TEST_F(Source, KeepsWhatItHasWhenAReadingFails) {
  const auto source = open();
  ASSERT_TRUE(wait_for_readings(*source, 1));
  const auto url = kami_.url() + "/chain/subnet-metagraph/52";

  answer(reply("oops", 500));
  EXPECT_EQ(error_of(*source), url + " answers HTTP 500");
  answer(reply(R"({"statusCode":500,"error":{"type":"CHAIN","message":"no chain"}})", 500));
  EXPECT_EQ(error_of(*source), url + " answers HTTP 500: Kami answers 500: no chain");
  answer(reply(R"({"statusCode":404,"error":"no subnet"})"));
  EXPECT_EQ(error_of(*source), url + ": Kami answers 404: no subnet");
  answer(reply("<html>hello</html>"));
  EXPECT_THAT(error_of(*source), HasSubstr(url + ": "));
  answer(good(101, 8, 3));
  EXPECT_THAT(error_of(*source), HasSubstr("it is of netuid 3, not 52"));
  answer(good(99));
  EXPECT_THAT(error_of(*source), HasSubstr("it is of block 99, and the one at hand of block 100"));
  auto cut = good(101);
  cut.cut_after = 200;
  answer(cut);
  EXPECT_THAT(error_of(*source), HasSubstr(url + ": "));
  auto redirect = reply("", 301);
  redirect.headers.emplace_back("location", "http://elsewhere.example/");
  answer(redirect);
  EXPECT_EQ(error_of(*source), url +
                                   " answers HTTP 301, and is not followed to "
                                   "\"http://elsewhere.example/\"");

  EXPECT_EQ(source->view().metagraph->block(), 100u);
  EXPECT_TRUE(source->view().fresh);
  EXPECT_EQ(source->status().readings, 1u);
  EXPECT_THAT(logged(), HasSubstr("metagraph not read"));

  answer(good(100, 9));
  source->refresh();
  ASSERT_TRUE(wait_for_readings(*source, 2));
  EXPECT_EQ(source->status().error, "");
  EXPECT_EQ(source->status().neurons, 9u);
}

TEST_F(Source, TakesNoAnswerThatIsTooLong) {
  options_.longest = 1'000;
  const auto source = open();
  ASSERT_TRUE(eventually([&] { return source->status().failures == 1; }));
  EXPECT_THAT(source->status().error, EndsWith("the answer is over 1000 bytes"));
  EXPECT_FALSE(source->view().metagraph);
}

TEST_F(Source, SaysThatNobodyIsThere) {
  {
    const ScriptedPeer gone([](const Seen&) { return good(); });
    options_.url = gone.url();
  }
  const auto source = open();
  ASSERT_TRUE(eventually([&] { return source->status().failures == 1; }));
  EXPECT_THAT(source->status().error, HasSubstr("Couldn't connect"));
  EXPECT_FALSE(source->view().usable());
}

TEST_F(Source, GivesUpOnAReadingThatTakesTooLong) {
  options_.timeout = 1s;
  answer([this](const Seen&) {
    kami_.wait_until_released();
    return good();
  });
  const auto source = open();
  ASSERT_TRUE(eventually([&] { return source->status().failures == 1; }));
  EXPECT_THAT(source->status().error, HasSubstr("timed out"));
}

TEST_F(Source, TriesAgainByItselfAfterAFailure) {
  options_.retry_least = 1ms;
  answer([this](const Seen&) { return kami_.seen().size() < 4 ? reply("", 503) : good(); });
  const auto source = open();
  ASSERT_TRUE(wait_for_readings(*source, 1));
  EXPECT_EQ(source->status().failures, 3u);
}

TEST_F(Source, ReadsAgainByItselfAfterItsTime) {
  options_.refresh = 1s;
  const auto source = open();
  EXPECT_TRUE(wait_for_readings(*source, 2));
}

TEST_F(Source, EndsAtOnceWithinAReading) {
  options_.timeout = 1h;  // longer than any test may take
  answer([this](const Seen&) {
    kami_.wait_until_released();
    return good();
  });
  auto source = open();
  ASSERT_TRUE(kami_.wait_for(1));
  source.reset();
}

// ---- age

TEST_F(Source, IsStaleOnceItIsOlderThanItMayBe) {
  const auto source = open();
  ASSERT_TRUE(wait_for_readings(*source, 1));
  now_ = kStart + 600s;
  EXPECT_TRUE(source->view().fresh);
  now_ = kStart + 601s;
  EXPECT_FALSE(source->view().fresh);
  EXPECT_FALSE(source->view().usable());
  EXPECT_EQ(source->status().age, 601s);
  answer(reply("", 500));
  (void)error_of(*source);
  EXPECT_TRUE(
      eventually([&] { return logged().find("metagraph is too old") != std::string::npos; }));
}

TEST_F(Source, SaysThatItIsTooOldEachTimeThatItBecomesSo) {
  const auto told = [&] {
    const auto text = logged();
    std::size_t count = 0;
    for (std::size_t at = 0; (at = text.find("too old", at)) != std::string::npos; ++at) ++count;
    return count;
  };
  const auto source = open();
  for (std::size_t time = 1; time <= 2; ++time) {
    ASSERT_TRUE(wait_for_readings(*source, time));
    now_ = now_.load() + 601s;
    answer(reply("", 500));
    (void)error_of(*source);
    (void)error_of(*source);  // which tells it no second time
    EXPECT_TRUE(eventually([&] { return told() == time; })) << logged();
    answer(good());
    source->refresh();
  }
}

TEST_F(Source, CountsAClockThatWentBackLikeOneThatWentOn) {
  const auto source = open();
  ASSERT_TRUE(wait_for_readings(*source, 1));
  now_ = kStart - 601s;
  EXPECT_FALSE(source->view().fresh);
}

TEST_F(Source, TakesAnOlderBlockOnceItsOwnIsTooOld) {
  const auto source = open();
  ASSERT_TRUE(wait_for_readings(*source, 1));
  now_ = kStart + 601s;
  answer(good(5));
  source->refresh();
  ASSERT_TRUE(wait_for_readings(*source, 2));
  EXPECT_EQ(source->view().metagraph->block(), 5u);
}

TEST_F(Source, IsThereAgainAfterARestartWithItsAge) {
  {
    const auto source = open();
    ASSERT_TRUE(wait_for_readings(*source, 1));
    ASSERT_TRUE(
        eventually([&] { return std::filesystem::exists(state_ / "access/metagraph.json"); }));
  }
  answer(reply("", 500));
  now_ = kStart + 599s;
  auto source = open();
  EXPECT_EQ(source->status().age, 599s);
  EXPECT_EQ(source->status().readings, 0u);
  EXPECT_TRUE(source->view().fresh);
  EXPECT_EQ(source->view().metagraph->find(key_of(7))->stake, 70);
  source.reset();
  now_ = kStart + 601s;
  source = open();
  EXPECT_FALSE(source->view().fresh);
  struct stat found{};
  ASSERT_EQ(stat((state_ / "access/metagraph.json").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777u, 0600u);
}

TEST_F(Source, DoesNotTakeWhatWasReadElsewhereBeforeARestart) {
  {
    const auto source = open();
    ASSERT_TRUE(wait_for_readings(*source, 1));
    ASSERT_TRUE(
        eventually([&] { return std::filesystem::exists(state_ / "access/metagraph.json"); }));
  }
  answer(reply("", 500));
  auto other = options_;
  std::swap(other, options_);
  options_.netuid = 53;
  EXPECT_FALSE(open()->view().metagraph);
  options_ = other;
  options_.url += "/another";
  EXPECT_FALSE(open()->view().metagraph);
  options_ = other;
  EXPECT_TRUE(open()->view().metagraph);
}

TEST_F(Source, StartsWithoutABrokenCopy) {
  std::filesystem::create_directory(state_ / "access");
  chmod((state_ / "access").c_str(), S_IRWXU);
  for (const char* text :
       {"", "{", "{\"read_at_ms\":1}", R"({"read_at_ms":1,"source":"@","metagraph":{}})"}) {
    std::string copy = text;
    if (const auto at = copy.find('@'); at != std::string::npos) copy.replace(at, 1, options_.url);
    write_file(state_ / "access/metagraph.json", copy);
    const auto source = open();
    EXPECT_TRUE(wait_for_readings(*source, 1));
    EXPECT_THAT(logged(), HasSubstr("metagraph of the last run is not used")) << text;
    lines_->clear();
  }
}

TEST_F(Source, ServesOnWhereItCannotKeepACopy) {
  std::filesystem::create_directories(state_ / "access/metagraph.json/in the way");
  chmod((state_ / "access").c_str(), S_IRWXU);
  const auto source = open();
  ASSERT_TRUE(wait_for_readings(*source, 1));
  EXPECT_TRUE(eventually(
      [&] { return logged().find("metagraph not kept for the next start") != std::string::npos; }));
  EXPECT_TRUE(source->view().fresh);
}

TEST_F(Source, NeedsAStateFolderOfItsOwn) {
  std::filesystem::create_directory(state_ / "access");
  chmod((state_ / "access").c_str(), 0755);
  const auto source = MetagraphSource::open(options_, state_.path(), log_, [] { return kStart; });
  ASSERT_FALSE(source);
  EXPECT_THAT(source.error().message, HasSubstr("is open to others"));
}

// ---- other options

TEST_F(Source, ForgetsWhatItReadOfAnother) {
  const auto source = open();
  ASSERT_TRUE(wait_for_readings(*source, 1));
  answer([this](const Seen&) {
    kami_.wait_until_released();
    return good(7, 8, 53);
  });
  options_.netuid = 53;
  source->apply(options_);
  EXPECT_FALSE(source->view().metagraph);
  EXPECT_FALSE(source->status().age);
  kami_.release();
  ASSERT_TRUE(wait_for_readings(*source, 1));
  EXPECT_EQ(source->view().metagraph->block(), 7u);
}

TEST_F(Source, TakesNothingOfAReadingThatWasBegunElsewhere) {
  answer([this](const Seen& seen) {
    if (seen.path.ends_with("/53")) return good(7, 8, 53);
    kami_.wait_until_released();
    return good();
  });
  const auto source = open();
  ASSERT_TRUE(kami_.wait_for(1));
  options_.netuid = 53;
  source->apply(options_);  // does not wait for the timeout of the other
  ASSERT_TRUE(wait_for_readings(*source, 1));
  EXPECT_EQ(source->view().metagraph->netuid(), 53);
  EXPECT_EQ(source->status().failures, 0u);
}

TEST_F(Source, KeepsWhatItHasWhenTheSourceIsTheSame) {
  const auto source = open();
  ASSERT_TRUE(wait_for_readings(*source, 1));
  answer(reply("", 500));
  options_.max_age = 1s;
  options_.when_stale = Stale::open;
  source->apply(options_);
  now_ = kStart + 2s;
  const auto view = source->view();
  EXPECT_TRUE(view.metagraph && view.usable() && !view.fresh);
}

TEST_F(Source, BeginsAndEndsToBeWanted) {
  const auto wanted = options_;
  options_.url.clear();
  const auto source = open();
  source->apply(wanted);
  ASSERT_TRUE(wait_for_readings(*source, 1));
  source->apply(options_);
  EXPECT_FALSE(source->view().wanted);
  EXPECT_FALSE(source->view().metagraph);
}

// ---- a file

class FileSource : public Source {
 protected:
  FileSource() {
    options_.url.clear();
    options_.file = state_ / "metagraph.json";
    now_ =
        std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  }
  void put(const std::string& text) {
    write_file(state_ / "new", text);
    std::filesystem::rename(state_ / "new", options_.file);
  }
};

TEST_F(FileSource, IsReadAndReadAgainWhenItChanges) {
  put(kami_answer(some_neurons(3), 52, 1));
  const auto source = open();
  ASSERT_TRUE(wait_for_readings(*source, 1));
  EXPECT_EQ(source->view().metagraph->neurons().size(), 3u);
  EXPECT_TRUE(source->view().fresh);
  put(kami_answer(some_neurons(4), 52, 2));
  ASSERT_TRUE(wait_for_readings(*source, 2));
  EXPECT_EQ(source->view().metagraph->neurons().size(), 4u);
}

TEST_F(FileSource, SaysOnceWhatItSetAside) {
  auto neurons = some_neurons(5);
  neurons[3].hotkey = {};
  const auto said = [&] {
    const auto log = logged();
    std::size_t count = 0;
    for (auto at = log.find("set aside"); at != std::string::npos;
         at = log.find("set aside", at + 1)) {
      ++count;
    }
    return count;
  };
  put(kami_answer(neurons, 52, 1));
  const auto source = open();
  ASSERT_TRUE(wait_for_readings(*source, 1));
  EXPECT_EQ(source->status().neurons, 4u);
  put(kami_answer(neurons, 52, 2));
  ASSERT_TRUE(wait_for_readings(*source, 2));
  EXPECT_EQ(said(), 1u);
  EXPECT_THAT(logged(), HasSubstr("which=\"1 empty slots\""));
  neurons[4].hotkey = neurons[1].hotkey;
  put("\xef\xbb\xbf" + kami_answer(neurons, 52, 3));
  ASSERT_TRUE(wait_for_readings(*source, 3));
  EXPECT_EQ(said(), 2u);
}

TEST_F(FileSource, IsAsOldAsItsLastChange) {
  put(kami_answer(some_neurons(3)));
  std::filesystem::last_write_time(options_.file,
                                   std::filesystem::last_write_time(options_.file) - 700s);
  const auto source = open();
  ASSERT_TRUE(wait_for_readings(*source, 1));
  EXPECT_FALSE(source->view().fresh);
  EXPECT_GE(source->status().age, 699s);
}

TEST_F(FileSource, MayComeLaterAndMayBeWrong) {
  const auto source = open();
  ASSERT_TRUE(eventually([&] { return source->status().failures == 1; }));
  EXPECT_THAT(source->status().error, HasSubstr("metagraph.json: No such file"));
  put("{}");
  ASSERT_TRUE(eventually([&] { return source->status().failures == 2; }));
  EXPECT_THAT(source->status().error, HasSubstr("netuid: required field is missing"));
  std::filesystem::remove(options_.file);
  std::filesystem::create_directory(options_.file);
  ASSERT_TRUE(eventually([&] { return source->status().failures == 3; }));
  EXPECT_THAT(source->status().error, HasSubstr("is no regular file"));
  std::filesystem::remove(options_.file);
  put(kami_answer(some_neurons(3)));
  EXPECT_TRUE(wait_for_readings(*source, 1));
}

TEST_F(FileSource, MayBeALink) {
  write_file(state_ / "real", kami_answer(some_neurons(3)));
  std::filesystem::create_symlink("real", options_.file);
  const auto source = open();
  EXPECT_TRUE(wait_for_readings(*source, 1));
}

// ---- how long it waits

TEST(Wait, IsTheRefreshWhenAllIsWell) {
  MetagraphOptions options;
  options.refresh = 100s;
  EXPECT_EQ(wait_after(options, 0, 0), 90s);
  EXPECT_EQ(wait_after(options, 0, 1), 110s);
}

TEST(Wait, DoublesUpToTheRefreshAfterFailures) {
  MetagraphOptions options;
  options.refresh = 100s;
  options.retry_least = 2s;
  EXPECT_EQ(wait_after(options, 1, 0.5), 2s);
  EXPECT_EQ(wait_after(options, 2, 0.5), 4s);
  EXPECT_EQ(wait_after(options, 6, 0.5), 64s);
  EXPECT_EQ(wait_after(options, 7, 0.5), 100s);
  EXPECT_EQ(wait_after(options, 4'000'000'000, 0.5), 100s);
  EXPECT_EQ(wait_after(options, 1, 0), 1500ms);
  EXPECT_EQ(wait_after(options, 1, 1), 2500ms);
  options.retry_least = 0s;
  EXPECT_GT(wait_after(options, 1, 0.5), 0s);
}

}  // namespace
}  // namespace dojo::policy
