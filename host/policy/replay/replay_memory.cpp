#include "policy/replay/replay_memory.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <dojo/model.hpp>

#include "base/files.hpp"
#include "base/threads.hpp"

namespace dojo::policy {
namespace {

namespace fs = std::filesystem;
using std::chrono::sys_seconds;

constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kLongestMark = 1024;
constexpr std::int64_t kLongestKeep = std::int64_t{400} * 24 * 3'600'000;  // ms
constexpr char kSecretName[] = "secret";
constexpr char kMarkName[] = "mark.json";
constexpr std::chrono::milliseconds kBetweenTidying{500};
constexpr std::size_t kPruneBatch = 128;
// A journal keeps some of what is forgotten: its times tell the next process how far that has gone.
constexpr std::size_t kJournalMargin = 1'024;
// A shard is looked through for what is too old every four seconds.
constexpr std::size_t kShardsAtOnce = ReplayStore::kShards / 8;
constexpr std::chrono::minutes kBetweenWarnings{10};
constexpr char kHolders[] = "holders";  // what their secret is derived from, with the other one

/// Records that a journal may have for so many keys: half as many again that are not needed, so
/// that of those that are looked through for them not too many are.
std::size_t records_for(std::size_t keys) {
  return keys + keys / 2 + kJournalMargin;
}

const char* file_name(ReplayMemory::Kind kind) {
  return kind == ReplayMemory::Kind::nonce ? "nonces.mdb" : "legacy.mdb";
}

/// Changes with each start of the machine. Empty if it is not told.
std::string boot_id() {
  const base::Descriptor folder(
      open("/proc/sys/kernel/random", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  auto id = folder ? base::read_small(folder.get(), "boot_id", 64) : fail("");
  if (!id) return {};
  std::erase(*id, '\n');
  return *id;
}

sys_seconds seconds_of(WallTime time) {
  return std::chrono::ceil<std::chrono::seconds>(time);
}

/// How the last process left the folder.
struct Mark {
  std::string boot;                     // of the machine that it ran on
  bool stopped = false;                 // in good order; else it was killed, or runs
  bool journal = false;                 // whether the journals hold all it has seen
  std::int64_t latest = 0;              // of its nonces, in seconds; counts if it has stopped
  std::optional<std::int64_t> keep_ms;  // how long it kept nonces: older ones may be forgotten
};
DOJO_MODEL(Mark, boot, stopped, journal, latest, keep_ms)

/// @return null if there is none
Result<std::optional<Mark>> read_mark(int folder) {
  if (faccessat(folder, kMarkName, F_OK, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT) {
    return std::optional<Mark>();
  }
  const auto text = base::read_small(folder, kMarkName, kLongestMark);
  if (!text) return Unexpected(text.error());
  auto mark = from_json<Mark>(*text);
  if (!mark) return fail(fmt::format("{} is broken: {}", kMarkName, mark.error().message));
  return std::optional(std::move(*mark));
}

/// Whether the files hold all that was written to them. A killed process leaves them whole, a
/// machine that goes down may not.
bool left_whole(const Mark& mark) {
  return mark.stopped || (!mark.boot.empty() && mark.boot == boot_id());
}

}  // namespace

ReplayClocks ReplayClocks::of_the_system() {
  using std::chrono::milliseconds;
  return {[] { return std::chrono::floor<milliseconds>(std::chrono::system_clock::now()); },
          [] {
            return std::chrono::floor<milliseconds>(
                std::chrono::steady_clock::now().time_since_epoch());
          }};
}

ReplayMemory::ReplayMemory(const ReplayOptions& options, ReplayClocks clocks)
    : options_(options),
      clocks_(std::move(clocks)),
      wall_start_(clocks_.wall()),
      steady_start_(clocks_.steady()),
      nonces_(options.nonces, true),
      legacy_(options.legacy, false) {
  if (sodium_init() < 0) throw std::runtime_error("libsodium cannot start");
  std::array<char, kSecretBytes> random{};
  randombytes_buf(random.data(), random.size());
  begin_hashing({random.data(), random.size()});
}

Result<std::unique_ptr<ReplayMemory>> ReplayMemory::open(const ReplayOptions& options,
                                                         const fs::path& state, ReplayClocks clocks,
                                                         Warn warn) {
  auto memory = std::make_unique<ReplayMemory>(options, std::move(clocks));
  memory->warn_ = std::move(warn);
  auto status = memory->take_folder(state);
  if (status) status = memory->take_up();
  if (!status) {
    memory->folder_.reset();  // nothing of it is ours to leave in order
    return Unexpected(status.error());
  }
  auto thread = threads::start([self = memory.get()] { self->tidy_until_the_end(); });
  if (!thread) return Unexpected(thread.error());
  memory->tidying_ = std::move(*thread);
  return memory;
}

ReplayMemory::~ReplayMemory() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  if (tidying_.joinable()) tidying_.join();
  if (!folder_) return;
  Status status;
  for (auto* part : {&nonces_, &legacy_}) {
    if (status && journaling_) status = part->journal->sync();
  }
  if (status) status = write_mark(true);
  if (!status) warn_("what was seen may not be known after a restart", status.error().message);
}

void ReplayMemory::keep(Kind kind, std::chrono::milliseconds how_long) {
  if (part(kind).keep_ms.exchange(how_long.count()) == how_long.count() || !journaling_) return;
  if (kind != Kind::nonce) return;
  // The next process may keep them for longer, and has to know what it cannot know.
  if (auto status = write_mark(false); !status) {
    warn_("the replay journal's mark cannot be written", status.error().message);
  }
}

// ---- taking up what was left

Status ReplayMemory::take_folder(const fs::path& state) {
  path_ = state / "access" / "replay";
  for (const auto& folder : {state, state / "access", path_}) {
    auto opened = base::open_private_folder(folder);
    if (!opened) return Unexpected(opened.error());
    folder_ = std::move(*opened);
  }
  auto lock = base::take_lock(folder_.get(), "lock");
  if (!lock) return fail(fmt::format("{}/lock {}", path_.string(), lock.error().message));
  lock_ = std::move(*lock);
  if (lock_) return {};
  return fail(
      fmt::format("another dojo-host uses this state folder, {}: give each host a state_dir of its "
                  "own",
                  state.string()));
}

Status ReplayMemory::take_up() {
  const auto mark = read_mark(folder_.get());
  std::string lost = mark ? "" : mark.error().message;
  const bool first = mark && !*mark && !fs::exists(path_ / file_name(Kind::nonce));
  if (mark && *mark) latest_ = (*mark)->latest;
  const bool had_journal = mark && *mark && (*mark)->journal;
  const bool takes_up = options_.persist && had_journal && left_whole(**mark);
  // What can be known without a journal: that nothing was taken after a certain time.
  const bool stopped = mark && *mark && (*mark)->stopped;
  if (!first && !stopped && !takes_up && lost.empty()) {
    lost = !options_.persist ? "the last host was not stopped, and auth.persist is off"
           : had_journal     ? "the machine went down while the last host ran"
                             : "the last host was not stopped, and had no journal";
  }
  if (first && !options_.fresh_identity) blind_until_ = wall_start_ - std::chrono::milliseconds(1);
  if (takes_up && (*mark)->keep_ms) {
    const std::chrono::milliseconds kept(
        std::clamp<std::int64_t>(*(*mark)->keep_ms, 0, kLongestKeep));
    blind_until_ = wall_start_ - kept;
  }
  if (!takes_up && stopped) blind_until_ = sys_seconds(std::chrono::seconds(latest_));

  if (auto status = begin_journals(takes_up, lost); !status) {
    return fail(fmt::format("{}; auth.persist = false does without", status.error().message));
  }
  if (!lost.empty()) {
    unknown_until_ = wall_start_;
    warn_("what was seen before this start is not known any more", lost);
  }
  return {};
}

Status ReplayMemory::begin_journals(bool from_old, std::string& lost) {
  if (options_.persist) {
    if (auto status = take_secret(from_old, lost); !status) return status;
  }
  if (!from_old) {
    for (const auto kind : {Kind::nonce, Kind::legacy}) {
      if (unlinkat(folder_.get(), file_name(kind), 0) != 0 && errno != ENOENT) {
        return fail(fmt::format("{} cannot be removed: {}", (path_ / file_name(kind)).string(),
                                base::why()));
      }
    }
  }
  journaling_ = options_.persist;
  // Before the first file is changed, so that no state of the folder looks better than it is.
  if (auto status = write_mark(false); !status || !options_.persist) return status;
  for (const auto kind : {Kind::nonce, Kind::legacy}) {
    if (auto status = begin_journal(kind, from_old, lost); !status) return status;
  }
  return {};
}

/// A new file for each process: nothing is ever written to one that another process has left, and
/// one that has become too large, or too small, is set right.
Status ReplayMemory::begin_journal(Kind kind, bool from_old, std::string& lost) {
  auto& part = this->part(kind);
  const auto file = path_ / file_name(kind);
  auto begun =
      ReplayJournal::begin(file, records_for(part.store.capacity()) + kJournalMargin,
                           [this, kind](const ReplayRecord& record) { return fate(kind, record); });
  if (!begun) return Unexpected(begun.error());
  part.journal = std::move(*begun);
  Status written;
  if (from_old) {
    const auto read = read_journal(
        file,
        [&](std::span<const ReplayRecord> records) {
          for (const auto& record : records) load(kind, record);
          if (written) written = part.journal->append(records);
        },
        [&](const GivenUp::Place& place) {
          given_up_.note(place.holder, place.until);
          if (written) written = part.journal->note(place);
        });
    if (!read) lost = read.error().message;
  }
  return written ? part.journal->publish() : written;
}

void ReplayMemory::load(Kind kind, const ReplayRecord& record) {
  // A legacy signature has no time of its own, so one of the future tells of a clock that was
  // ahead.
  auto loaded = record;
  if (kind == Kind::legacy) loaded.time = std::min(record.time, seconds_of(wall_start_));
  part(kind).store.insert(loaded);
  if (kind == Kind::nonce) saw(record.time);
}

/// What becomes of a record of which the journal has enough.
ReplayJournal::Fate ReplayMemory::fate(Kind kind, const ReplayRecord& record) const {
  using Fate = ReplayJournal::Fate;
  if (part(kind).store.needs(record)) return Fate::keep;
  if (kind == Kind::legacy) return Fate::drop;
  const bool too_old = record.time < oldest_kept(kind, clocks_.wall());
  return too_old ? Fate::note_for_everybody : Fate::note;
}

Status ReplayMemory::take_secret(bool& from_old, std::string& lost) {
  if (from_old) {
    const auto old = base::read_small(folder_.get(), kSecretName, kSecretBytes);
    if (old && old->size() == kSecretBytes) {
      begin_hashing(*old);
      return {};
    }
    lost = fmt::format("{} is missing or broken", kSecretName);
    from_old = false;
  }
  std::array<char, kSecretBytes> random{};
  randombytes_buf(random.data(), random.size());
  begin_hashing({random.data(), random.size()});
  return base::write_atomically(folder_.get(), kSecretName, {random.data(), random.size()});
}

Status ReplayMemory::write_mark(bool stopped) {
  const std::lock_guard lock(mark_mutex_);
  const std::int64_t keep_ms = nonces_.keep_ms;
  const auto json =
      to_json(Mark{boot_id(), stopped, journaling_, latest_,
                   keep_ms == kForEver.count() ? std::nullopt : std::optional(keep_ms)});
  if (!json) return Unexpected(json.error());
  return base::write_atomically(folder_.get(), kMarkName, *json);
}

// ---- what is seen

void ReplayMemory::begin_hashing(std::string_view secret) {
  crypto_generichash_init(&hashing_, reinterpret_cast<const unsigned char*>(secret.data()),
                          secret.size(), sizeof(ReplayKey));
  crypto_generichash(holders_secret_.data(), holders_secret_.size(),
                     reinterpret_cast<const unsigned char*>(kHolders), sizeof kHolders,
                     reinterpret_cast<const unsigned char*>(secret.data()), secret.size());
}

ReplayName ReplayMemory::name(Kind kind, std::string_view signer,
                              std::string_view used_once) const {
  auto state = hashing_;
  // Of two kinds and one length each, so no two statements are one text. A signer is 32 bytes.
  const char domain = kind == Kind::nonce ? 'n' : 'l';
  for (const auto part : {std::string_view(&domain, 1), signer, used_once}) {
    crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(part.data()),
                              part.size());
  }
  ReplayName name;
  crypto_generichash_final(&state, name.key.data(), name.key.size());
  std::array<unsigned char, crypto_shorthash_BYTES> holder{};
  static_assert(sizeof name.holder == holder.size());
  crypto_shorthash(holder.data(), reinterpret_cast<const unsigned char*>(signer.data()),
                   signer.size(), holders_secret_.data());
  std::memcpy(&name.holder, holder.data(), holder.size());
  if (name.holder == kNobody) ++name.holder;
  return name;
}

Seen ReplayMemory::look(Kind kind, const ReplayName& name, WallTime time) const {
  const auto seen = part(kind).store.look(name, seconds_of(time));
  const bool given_up = seen == Seen::fresh && was_given_up(kind, name, seconds_of(time));
  return given_up ? Seen::given_up : seen;
}

/// Whether an earlier process may have given it up.
bool ReplayMemory::was_given_up(Kind kind, const ReplayName& name, sys_seconds time) const {
  return kind == Kind::nonce && given_up_.concerns(time) && time <= given_up_.until(name.holder);
}

Seen ReplayMemory::insert(Kind kind, const ReplayName& name, WallTime time, const Signer& signer) {
  auto& part = this->part(kind);
  const auto wall = clocks_.wall();
  ReplayRecord record{name.key, seconds_of(kind == Kind::nonce ? time : host_time()), name.holder,
                      signer.enrolment.registered};
  if (was_given_up(kind, name, record.time)) return look(kind, name, time);
  if (kind == Kind::nonce) saw(record.time);
  note_roll(signer.enrolment.roll);
  const auto done = part.store.insert(record, oldest_kept(kind, wall),
                                      sys_seconds(std::chrono::seconds(changed_.load())));
  if (done.seen != Seen::fresh) return done.seen;
  if (done.own + done.others > 0) tell(kind, signer, done);
  if (!journaling_) return done.seen;
  if (kind == Kind::legacy) record.time = seconds_of(wall);
  if (const auto status = part.journal->append({&record, 1}); !status) {
    give_up_journals(status.error().message);
  }
  return done.seen;
}

/// Who counted as not registered may do so now: what it gave up among those counts for it still.
/// What it has signed since then does not.
void ReplayMemory::note_roll(std::uint64_t roll) {
  if (roll_.load() == roll) return;
  const auto latest = latest_.load();
  auto changed = changed_.load();
  while (changed < latest && !changed_.compare_exchange_weak(changed, latest)) {
  }
  roll_ = roll;  // last: who sees it sees the time too
}

void ReplayMemory::tell(Kind kind, const Signer& signer, const ReplayStore::Inserted& done) {
  const auto now = clocks_.steady().count();
  auto told = told_.load();
  if (told != 0 && now - told < std::chrono::milliseconds(kBetweenWarnings).count()) return;
  if (!warn_ || !told_.compare_exchange_strong(told, now)) return;
  const char* setting = kind == Kind::nonce ? "auth.replay_mb" : "auth.legacy_mb";
  if (done.own > 0) {
    warn_("a hotkey has more than its share of what can be remembered: its own oldest is forgotten",
          fmt::format("{} signs too much for {}", signer.address, setting));
  } else {
    warn_("more hotkeys sign than can be remembered: some of what they signed is forgotten",
          fmt::format("{} is too small for so many, now {}", setting, signer.address));
  }
}

void ReplayMemory::saw(sys_seconds time) {
  const auto count = time.time_since_epoch().count();
  auto latest = latest_.load();
  while (latest < count && !latest_.compare_exchange_weak(latest, count)) {
  }
}

WallTime ReplayMemory::blind_until(std::chrono::milliseconds ahead) const {
  auto until = std::max(blind_until_, WallTime(nonces_.store.forgotten()));
  if (unknown_until_) until = std::max(until, *unknown_until_ + ahead);
  return until;
}

/// The wall clock as it was at the start, and has not been set since.
WallTime ReplayMemory::host_time() const {
  return wall_start_ + (clocks_.steady() - steady_start_);
}

sys_seconds ReplayMemory::oldest_kept(Kind kind, WallTime wall) const {
  const std::chrono::milliseconds keep(part(kind).keep_ms);
  if (keep == kForEver) return {};
  return std::chrono::floor<std::chrono::seconds>((kind == Kind::nonce ? wall : host_time()) -
                                                  keep);
}

void ReplayMemory::give_up_journals(const std::string& reason) {
  if (!journaling_.exchange(false)) return;
  // Removing works on a full disk too, and what is not there is not taken for whole.
  for (const auto kind : {Kind::nonce, Kind::legacy}) {
    unlinkat(folder_.get(), file_name(kind), 0);
  }
  warn_("what is seen will not be known after a restart: its journal is given up", reason);
  if (auto status = write_mark(false); !status) {
    warn_("the replay journal cannot be marked as given up: remove it before a restart",
          status.error().message);
  }
}

// ---- tidying

void ReplayMemory::tidy() {
  tidy(ReplayStore::kShards);
}

void ReplayMemory::tidy(std::size_t shards) {
  const auto wall = clocks_.wall();
  for (const auto kind : {Kind::nonce, Kind::legacy}) {
    part(kind).store.forget(oldest_kept(kind, wall), shards);
    prune(part(kind));
  }
}

void ReplayMemory::prune(Part& part) {
  for (bool more = true; more && journaling_;) {
    const auto pruned = part.journal->prune_to(records_for(part.store.size()), kPruneBatch);
    if (!pruned) give_up_journals(pruned.error().message);
    more = pruned && *pruned;
  }
}

void ReplayMemory::tidy_until_the_end() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kBetweenTidying, [this] { return ending_; })) {
    lock.unlock();
    threads::guard(
        [this] { tidy(kShardsAtOnce); },
        [this](std::string_view why) { warn_("what was seen cannot be tidied up for now", why); });
    lock.lock();
  }
}

ReplayMemory::Sizes ReplayMemory::sizes(Kind kind) const {
  const auto& part = this->part(kind);
  return {part.store.size(), part.store.bytes(), part.store.evicted(), part.store.crowded_out(),
          part.journal ? part.journal->size() : 0};
}

}  // namespace dojo::policy
