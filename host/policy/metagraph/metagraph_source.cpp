#include "policy/metagraph/metagraph_source.hpp"

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <dojo/model.hpp>

#include "base/files.hpp"
#include "base/threads.hpp"
#include "policy/metagraph/http_get.hpp"
#include "policy/metagraph/metagraph_json.hpp"
#include "text/terminal.hpp"

namespace dojo::policy {

/// The copy that outlives the host.
struct SavedJson {
  std::int64_t read_at_ms = 0;
  std::string source;
  RawJson metagraph;
};
DOJO_MODEL(SavedJson, read_at_ms, source, metagraph)

namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

constexpr char kSaved[] = "metagraph.json";
constexpr std::size_t kLongestSaved = std::size_t{32} << 20;
constexpr std::size_t kLongestWords = 500;
constexpr milliseconds kLook{1'000};  // between two looks at a file

/// A metagraph and when it was so.
struct Reading {
  std::shared_ptr<const Metagraph> metagraph;
  WallTime at;
};

/// What tells one state of a file from another. All zero: it is not there.
struct Stamp {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  std::int64_t changed_ns = 0;
  bool operator==(const Stamp&) const = default;
};

Stamp stamp_of(const fs::path& file) {
  struct stat found{};
  if (stat(file.c_str(), &found) != 0) return {};
  return {found.st_dev, found.st_ino, found.st_size,
          found.st_mtim.tv_sec * 1'000'000'000 + found.st_mtim.tv_nsec};
}

WallTime last_change(const Stamp& stamp) {
  return WallTime(milliseconds(stamp.changed_ns / 1'000'000));
}

std::string source_of(const MetagraphOptions& options) {
  auto source = options.url.empty() ? options.file.string() : options.url;
  if (!options.url.empty()) source.erase(source.find_last_not_of('/') + 1);
  return source;
}

bool same_source(const MetagraphOptions& one, const MetagraphOptions& other) {
  return one.netuid == other.netuid && one.url.empty() == other.url.empty() &&
         source_of(one) == source_of(other);
}

Result<Metagraph> from_kami(HttpGet& http, const MetagraphOptions& options) {
  const auto url = fmt::format("{}/chain/subnet-metagraph/{}", source_of(options), options.netuid);
  auto answer = http.get(url, options.timeout, options.longest);
  if (!answer) return fail(fmt::format("{}: {}", url, answer.error().message));
  if (answer->status >= 300 && answer->status <= 399) {
    return fail(fmt::format("{} answers HTTP {}, and is not followed to \"{}\"", url,
                            answer->status, text::printable(answer->location, 200)));
  }
  if (answer->status != 200) {
    const auto words = refusal_of_kami(answer->body);
    return fail(fmt::format("{} answers HTTP {}{}", url, answer->status,
                            words ? ": " + *words : std::string()));
  }
  auto metagraph = parse_metagraph(answer->body);
  if (!metagraph) return fail(fmt::format("{}: {}", url, metagraph.error().message));
  return metagraph;
}

Result<Metagraph> from_file(const MetagraphOptions& options) {
  std::error_code error;
  // Links are followed here, as for a config.
  const auto file = fs::canonical(options.file, error);
  if (error) return fail(fmt::format("{}: {}", options.file.string(), error.message()));
  const auto text = base::read_small(AT_FDCWD, file, options.longest);
  if (!text) return Unexpected(text.error());
  auto metagraph = parse_metagraph(*text);
  if (!metagraph) return fail(fmt::format("{}: {}", file.string(), metagraph.error().message));
  return metagraph;
}

milliseconds age_of(WallTime at, WallTime now) {
  return now < at ? at - now : now - at;
}

}  // namespace

std::chrono::milliseconds wait_after(const MetagraphOptions& options, unsigned failures,
                                     double luck) {
  const milliseconds most = options.refresh;
  if (failures == 0) {
    return milliseconds(std::llround(static_cast<double>(most.count()) * (0.9 + 0.2 * luck)));
  }
  auto wait = std::max(options.retry_least, milliseconds(1));
  for (unsigned i = 1; i < failures && wait < most; ++i) wait *= 2;
  wait = std::min(wait, most);
  return milliseconds(std::llround(static_cast<double>(wait.count()) * (0.75 + 0.5 * luck)));
}

class MetagraphSource::Impl {
 public:
  Impl(const MetagraphOptions& options, base::Descriptor folder, const base::Log& log,
       std::function<WallTime()> now)
      : folder_(std::move(folder)), log_(log), now_(std::move(now)), options_(options) {
    take_saved();
    start();
  }
  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      http_.give_up();
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  [[nodiscard]] MetagraphView view() const {
    const auto now = now_();
    const std::lock_guard lock(mutex_);
    return {held_.metagraph, fresh(now), options_.wanted(), options_.when_stale};
  }

  [[nodiscard]] Status status() const {
    const auto now = now_();
    const std::lock_guard lock(mutex_);
    auto status = status_;
    if (!held_.metagraph) return status;
    status.age = std::chrono::duration_cast<seconds>(age_of(held_.at, now));
    status.block = held_.metagraph->block();
    status.neurons = held_.metagraph->registered();
    return status;
  }

  void apply(const MetagraphOptions& options) {
    {
      const std::lock_guard lock(mutex_);
      if (!same_source(options, options_)) forget();
      options_ = options;
      asked_ = true;
    }
    changed_.notify_all();
  }

  void refresh() {
    {
      const std::lock_guard lock(mutex_);
      asked_ = true;
    }
    changed_.notify_all();
  }

 private:
  /// Also if there is nothing to read yet: when there is, there may be no thread to be had.
  void start() {
    auto thread = threads::start([this] { run(); });
    if (!thread) throw std::runtime_error(thread.error().message);
    thread_ = std::move(*thread);
  }

  /// Another source: what was read of the old one, or is being read, counts no more.
  void forget() {
    ++epoch_;
    http_.give_up();
    held_ = {};
    status_ = {};
    failures_in_a_row_ = 0;
    told_stale_ = false;
  }

  [[nodiscard]] bool fresh(WallTime now) const {
    return held_.metagraph && age_of(held_.at, now) <= options_.max_age;
  }

  void run() {
    std::unique_lock lock(mutex_);
    while (wait_for_turn(lock)) {
      http_.arm();
      const bool forced = std::exchange(asked_, false);
      const auto options = options_;
      const auto epoch = epoch_;
      lock.unlock();
      threads::guard([&] { look(options, epoch, forced); },
                     [this](const char* why) { cannot_look(why); });
      lock.lock();
    }
  }

  void cannot_look(std::string_view why) {
    {
      const std::lock_guard lock(mutex_);
      next_ = Clock::now() + kLook;
    }
    log_.warning("metagraph cannot be read", {{"reason", why}});
  }

  void look(const MetagraphOptions& options, std::uint64_t epoch, bool forced) {
    const auto reading = read(options, forced);
    {
      const std::lock_guard lock(mutex_);
      if (stopping_ || epoch != epoch_) return;
      next_ = Clock::now() + kLook;
      const bool good = reading && conclude(*reading);
      tell_if_stale();
      if (!good) return;
    }
    save(options, **reading);
  }

  /// @return false when it is time to end
  bool wait_for_turn(std::unique_lock<std::mutex>& lock) {
    while (!stopping_) {
      if (!options_.wanted()) {
        changed_.wait(lock);
      } else if (asked_ || Clock::now() >= next_) {
        return true;
      } else {
        changed_.wait_until(lock, next_);
      }
    }
    return false;
  }

  /// @return nothing if a file has not changed since it was last read
  std::optional<Result<Reading>> read(const MetagraphOptions& options, bool forced) try {
    if (!options.url.empty()) return reading_of(from_kami(http_, options), options, now_());
    const auto stamp = stamp_of(options.file);
    if (!forced && stamp == seen_) return std::nullopt;
    seen_ = stamp;
    return reading_of(from_file(options), options, std::min(now_(), last_change(stamp)));
  } catch (const std::exception& error) {
    return fail(fmt::format("{}: {}", source_of(options), error.what()));
  }

  static Result<Reading> reading_of(Result<Metagraph> metagraph, const MetagraphOptions& options,
                                    WallTime at) {
    if (!metagraph) return Unexpected(metagraph.error());
    if (metagraph->netuid() != options.netuid) {
      return fail(fmt::format("{}: it is of netuid {}, not {}", source_of(options),
                              metagraph->netuid(), options.netuid));
    }
    return Reading{std::make_shared<const Metagraph>(std::move(*metagraph)), at};
  }

  /// @return whether it is the metagraph at hand now
  bool conclude(const Result<Reading>& reading) {
    if (!reading) {
      failed(reading.error().message);
      return false;
    }
    const auto& metagraph = *reading->metagraph;
    // One that is too old says nothing of what is true now; then a chain that was reset may begin.
    if (fresh(now_()) && metagraph.block() < held_.metagraph->block()) {
      failed(fmt::format("{}: it is of block {}, and the one at hand of block {}",
                         source_of(options_), metagraph.block(), held_.metagraph->block()));
      return false;
    }
    succeeded(*reading);
    return true;
  }

  void failed(const std::string& message) {
    const auto error = text::printable(message, kLongestWords);
    ++status_.failures;
    ++failures_in_a_row_;
    wait();
    if (error == status_.error) return;
    status_.error = error;
    log_.warning("metagraph not read", {{"reason", error}});
  }

  void succeeded(const Reading& reading) {
    const bool first = !held_.metagraph || !status_.error.empty() || told_stale_;
    tell_set_aside(reading.metagraph->set_aside());
    held_ = reading;
    ++status_.readings;
    status_.error.clear();
    failures_in_a_row_ = 0;
    wait();
    if (!fresh(now_())) return;
    told_stale_ = false;
    if (!first) return;
    log_.info("metagraph read", {{"source", source_of(options_)},
                                 {"netuid", reading.metagraph->netuid()},
                                 {"block", reading.metagraph->block()},
                                 {"neurons", reading.metagraph->registered()}});
  }

  /// Once, until it is something else.
  void tell_set_aside(const std::string& set_aside) {
    if (set_aside == told_set_aside_) return;
    told_set_aside_ = set_aside;
    if (set_aside.empty()) return;
    log_.warning("neurons of the metagraph are set aside", {{"which", set_aside}});
  }

  /// A file is looked at again as soon as it may have changed.
  void wait() {
    if (options_.url.empty()) return;
    const double luck = std::uniform_real_distribution<double>(0, 1)(dice_);
    next_ = Clock::now() + wait_after(options_, failures_in_a_row_, luck);
  }

  void tell_if_stale() {
    const auto now = now_();
    if (told_stale_ || !held_.metagraph || fresh(now)) return;
    told_stale_ = true;
    const auto age = std::chrono::duration_cast<seconds>(age_of(held_.at, now));
    log_.warning("metagraph is too old",
                 {{"age_s", age.count()},
                  {"when_stale", options_.when_stale == Stale::open ? "open" : "closed"}});
  }

  void save(const MetagraphOptions& options, const Reading& reading) {
    auto metagraph = metagraph_json(*reading.metagraph);
    auto text = metagraph ? to_json(SavedJson{reading.at.time_since_epoch().count(),
                                              source_of(options),
                                              {std::move(*metagraph)}})
                          : metagraph;
    const auto saved = text ? base::write_atomically(folder_.get(), kSaved, *text + "\n")
                            : dojo::Status(Unexpected(text.error()));
    if (saved) return;
    log_.warning("metagraph not kept for the next start", {{"reason", saved.error().message}});
  }

  void take_saved() {
    auto reading = saved();
    if (!reading) {
      log_.warning("metagraph of the last run is not used",
                   {{"reason", text::printable(reading.error().message, kLongestWords)}});
    } else {
      held_ = std::move(*reading);
    }
  }

  /// @return an empty one if there is none of this source
  [[nodiscard]] Result<Reading> saved() const {
    if (!options_.wanted()) return Reading{};
    if (faccessat(folder_.get(), kSaved, F_OK, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT) {
      return Reading{};
    }
    const auto text = base::read_small(folder_.get(), kSaved, kLongestSaved);
    if (!text) return Unexpected(text.error());
    const auto json = from_json<SavedJson>(*text);
    if (!json) return Unexpected(json.error());
    if (json->source != source_of(options_)) return Reading{};
    if (json->read_at_ms < 0) return fail("read_at_ms: must be unix time in milliseconds");
    auto metagraph = parse_metagraph(json->metagraph.text);
    if (!metagraph) return Unexpected(metagraph.error());
    if (metagraph->netuid() != options_.netuid) return Reading{};
    return Reading{std::make_shared<const Metagraph>(std::move(*metagraph)),
                   WallTime(milliseconds(json->read_at_ms))};
  }

  base::Descriptor folder_;
  base::Log log_;
  std::function<WallTime()> now_;
  HttpGet http_;
  std::optional<Stamp> seen_;  // the thread's
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  MetagraphOptions options_;  // from here on: mutex_
  Reading held_;
  MetagraphSource::Status status_;  // what it counts, and its error
  std::uint64_t epoch_ = 0;         // of the source
  unsigned failures_in_a_row_ = 0;
  bool told_stale_ = false;
  std::string told_set_aside_;
  bool asked_ = false;
  bool stopping_ = false;
  Clock::time_point next_;
  std::minstd_rand dice_{std::random_device()()};
  std::thread thread_;
};

Result<std::unique_ptr<MetagraphSource>> MetagraphSource::open(const MetagraphOptions& options,
                                                               const std::filesystem::path& state,
                                                               const base::Log& log,
                                                               std::function<WallTime()> now) {
  auto folder = base::open_private_folder(state / "access");
  if (!folder) return Unexpected(folder.error());
  try {
    return std::unique_ptr<MetagraphSource>(new MetagraphSource(
        std::make_unique<Impl>(options, std::move(*folder), log, std::move(now))));
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}

MetagraphSource::MetagraphSource(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
MetagraphSource::~MetagraphSource() = default;

MetagraphView MetagraphSource::view() const {
  return impl_->view();
}

MetagraphSource::Status MetagraphSource::status() const {
  return impl_->status();
}

void MetagraphSource::apply(const MetagraphOptions& options) {
  impl_->apply(options);
}

void MetagraphSource::refresh() {
  impl_->refresh();
}

}  // namespace dojo::policy
