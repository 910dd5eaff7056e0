#include "policy/metagraph/metagraph_source.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/threads.hpp"
#include "text/terminal.hpp"

namespace dojo::policy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kLongestWords = 500;
constexpr milliseconds kLook{1'000};  // between two looks at a file

bool same_source(const MetagraphOptions& one, const MetagraphOptions& other) {
  return one.netuid == other.netuid && one.url.empty() == other.url.empty() &&
         source_of(one) == source_of(other);
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

Result<std::unique_ptr<MetagraphSource>> MetagraphSource::open(const MetagraphOptions& options,
                                                               const std::filesystem::path& state,
                                                               const base::Log& log,
                                                               std::function<WallTime()> now) {
  auto folder = base::open_private_folder(state / "access");
  if (!folder) return Unexpected(folder.error());
  try {
    return std::unique_ptr<MetagraphSource>(
        new MetagraphSource(options, std::move(*folder), log, std::move(now)));
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}

MetagraphSource::MetagraphSource(const MetagraphOptions& options, base::Descriptor folder,
                                 const base::Log& log, std::function<WallTime()> now)
    : log_(log), now_(std::move(now)), reader_(now_), copy_(std::move(folder)), options_(options) {
  take_saved();
  publish();
  // Also if there is nothing to read yet: when there is, there may be no thread to be had.
  auto thread = threads::start([this] { run(); });
  if (!thread) throw std::runtime_error(thread.error().message);
  thread_ = std::move(*thread);
}

MetagraphSource::~MetagraphSource() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    reader_.give_up();
  }
  changed_.notify_all();
  thread_.join();
}

void MetagraphSource::take_saved() {
  auto reading = copy_.read(options_);
  if (reading) {
    held_ = std::move(*reading);
  } else {
    log_.warning("metagraph of the last run is not used",
                 {{"reason", text::printable(reading.error().message, kLongestWords)}});
  }
}

MetagraphView MetagraphSource::view() const {
  const auto& [held, options] = shown_.read();
  return {held.metagraph, is_fresh(held, options, now_()), options.wanted(), options.when_stale};
}

/// [mutex_, or not begun yet] From now on others see what is held.
void MetagraphSource::publish() {
  shown_.publish(std::make_shared<const Shown>(Shown{held_, options_}));
}

MetagraphSource::Status MetagraphSource::status() const {
  const auto now = now_();
  const std::lock_guard lock(mutex_);
  auto status = status_;
  if (!held_.metagraph) return status;
  status.age = std::chrono::duration_cast<seconds>(age_of(held_.at, now));
  status.block = held_.metagraph->block();
  status.neurons = held_.metagraph->registered();
  return status;
}

void MetagraphSource::apply(const MetagraphOptions& options) {
  {
    const std::lock_guard lock(mutex_);
    if (!same_source(options, options_)) forget();
    options_ = options;
    publish();
    asked_ = true;
  }
  changed_.notify_all();
}

void MetagraphSource::refresh() {
  {
    const std::lock_guard lock(mutex_);
    asked_ = true;
  }
  changed_.notify_all();
}

/// Another source: what was read of the old one, or is being read, counts no more.
void MetagraphSource::forget() {
  ++epoch_;
  reader_.give_up();
  held_ = {};
  status_ = {};
  failures_in_a_row_ = 0;
  told_stale_ = false;
}

bool MetagraphSource::is_fresh(const MetagraphReading& held, const MetagraphOptions& options,
                               WallTime now) {
  return held.metagraph && age_of(held.at, now) <= options.max_age;
}

bool MetagraphSource::fresh(WallTime now) const {
  return is_fresh(held_, options_, now);
}

void MetagraphSource::run() {
  std::unique_lock lock(mutex_);
  while (wait_for_turn(lock)) {
    reader_.arm();
    const bool forced = std::exchange(asked_, false);
    const auto options = options_;
    const auto epoch = epoch_;
    lock.unlock();
    threads::guard([&] { look(options, epoch, forced); },
                   [this](const char* why) { cannot_look(why); });
    lock.lock();
  }
}

/// @return false when it is time to end
bool MetagraphSource::wait_for_turn(std::unique_lock<std::mutex>& lock) {
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

void MetagraphSource::look(const MetagraphOptions& options, std::uint64_t epoch, bool forced) {
  const auto reading = reader_.read(options, forced);
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || epoch != epoch_) return;
    next_ = Clock::now() + kLook;
    const bool good = reading && conclude(*reading);
    tell_if_stale();
    if (!good) return;
  }
  const auto saved = copy_.save(options, **reading);
  if (saved) return;
  log_.warning("metagraph not kept for the next start", {{"reason", saved.error().message}});
}

void MetagraphSource::cannot_look(std::string_view why) {
  {
    const std::lock_guard lock(mutex_);
    next_ = Clock::now() + kLook;
  }
  log_.warning("metagraph cannot be read", {{"reason", why}});
}

/// @return whether it is the metagraph at hand now
bool MetagraphSource::conclude(const Result<MetagraphReading>& reading) {
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

void MetagraphSource::failed(const std::string& message) {
  const auto error = text::printable(message, kLongestWords);
  ++status_.failures;
  ++failures_in_a_row_;
  wait();
  if (error == status_.error) return;
  status_.error = error;
  log_.warning("metagraph not read", {{"reason", error}});
}

void MetagraphSource::succeeded(const MetagraphReading& reading) {
  const bool first = !held_.metagraph || !status_.error.empty() || told_stale_;
  tell_set_aside(reading.metagraph->set_aside());
  held_ = reading;
  publish();
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
void MetagraphSource::tell_set_aside(const std::string& set_aside) {
  if (set_aside == told_set_aside_) return;
  told_set_aside_ = set_aside;
  if (set_aside.empty()) return;
  log_.warning("neurons of the metagraph are set aside", {{"which", set_aside}});
}

/// A file is looked at again as soon as it may have changed.
void MetagraphSource::wait() {
  if (options_.url.empty()) return;
  const double luck = std::uniform_real_distribution<double>(0, 1)(dice_);
  next_ = Clock::now() + wait_after(options_, failures_in_a_row_, luck);
}

void MetagraphSource::tell_if_stale() {
  const auto now = now_();
  if (told_stale_ || !held_.metagraph || fresh(now)) return;
  told_stale_ = true;
  const auto age = std::chrono::duration_cast<seconds>(age_of(held_.at, now));
  log_.warning("metagraph is too old",
               {{"age_s", age.count()},
                {"when_stale", options_.when_stale == Stale::open ? "open" : "closed"}});
}

}  // namespace dojo::policy
