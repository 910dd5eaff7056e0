#include "policy/replay/replay_journal.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <lmdb.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/descriptor.hpp"
#include "base/files.hpp"

namespace dojo::policy {
namespace {

namespace fs = std::filesystem;

// One process has the file, and one thread of it at a time: LMDB's own locks are not needed.
constexpr unsigned kFlags =
    MDB_NOSUBDIR | MDB_NOLOCK | MDB_WRITEMAP | MDB_NOSYNC | MDB_NOMETASYNC | MDB_NOTLS;
constexpr unsigned kReadFlags = MDB_NOSUBDIR | MDB_NOLOCK | MDB_RDONLY | MDB_NOTLS;
constexpr mdb_mode_t kMode = S_IRUSR | S_IWUSR;

// A record takes 50 bytes of a page that is full: 32, a key of 8, and 10 of LMDB's. Branches, pages
// that have been given up but not yet reused, and the two meta pages come to less than the rest.
constexpr std::size_t kRecordBytes = 64;
constexpr std::size_t kLargestPage = std::size_t{32} << 10;  // of LMDB's
constexpr std::size_t kSparePages = 1'024;
constexpr std::size_t kChunk = std::size_t{4} << 20;
constexpr std::size_t kPagesPerAppend = 16;  // that it may take at most
constexpr std::size_t kAppendsPerLook = 32;
constexpr std::size_t kEvictBatch = 64;

constexpr std::size_t kPortion = 4'096;  // records on their way from the child
constexpr rlim_t kReadSeconds = 60;      // of processor time

/// A record as it stands in the file. Numbers from kFirstRecord on are of keys; lower ones are of
/// what was given up, and say a holder and a time.
struct Stored {
  ReplayKey key;
  std::uint32_t time;
  std::uint32_t kind;
  HolderId holder;
};
static_assert(sizeof(Stored) == 32);
constexpr std::uint32_t kOfRegistered = 0;
constexpr std::uint32_t kOfUnregistered = 1;
constexpr std::uint32_t kGivenUp = 2;
constexpr std::uint64_t kFirstRecord = 1'024;
static_assert(GivenUp::kPlaces <= kFirstRecord);

/// As earlier versions wrote it, from number 0 on.
struct StoredWithoutHolder {
  ReplayKey key;
  std::uint32_t time;
};
static_assert(sizeof(StoredWithoutHolder) == 20);

std::uint32_t to_stored(std::chrono::sys_seconds time) {
  return static_cast<std::uint32_t>(time.time_since_epoch().count());
}

ReplayRecord to_record(const Stored& stored) {
  return {stored.key, std::chrono::sys_seconds(std::chrono::seconds(stored.time)), stored.holder,
          stored.kind != kOfUnregistered};
}

Unexpected<Error> failed(const fs::path& file, const char* what, int error) {
  return fail(fmt::format("{}: {}: {}", file.string(), what, mdb_strerror(error)));
}

/// LMDB's pages are the system's, up to kLargestPage.
std::size_t page_bytes(MDB_env* env) {
  MDB_stat found{};
  mdb_env_stat(env, &found);
  return found.ms_psize;
}

std::size_t system_page_bytes() {
  return static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

/// For programs that plugins start, LMDB's file is not.
void keep_to_this_process(MDB_env* env) {
  int fd = -1;
  if (mdb_env_get_fd(env, &fd) == 0) fcntl(fd, F_SETFD, FD_CLOEXEC);
}

template <class T>
MDB_val value_of(T& object) {
  return {sizeof object, &object};
}

}  // namespace

struct ReplayJournal::Environment {
  MDB_env* env = nullptr;
  MDB_dbi records = 0;
  Environment() = default;
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() {
    if (env != nullptr) mdb_env_close(env);
  }
};

/// Undone unless it is committed.
class ReplayJournal::Transaction {
 public:
  explicit Transaction(MDB_env* env, unsigned flags = 0) {
    error_ = mdb_txn_begin(env, nullptr, flags, &transaction_);
    if (error_ != 0) transaction_ = nullptr;
  }
  ~Transaction() {
    if (transaction_ != nullptr) mdb_txn_abort(transaction_);
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  [[nodiscard]] int error() const { return error_; }
  [[nodiscard]] MDB_txn* get() const { return transaction_; }
  int commit() { return mdb_txn_commit(std::exchange(transaction_, nullptr)); }

 private:
  MDB_txn* transaction_ = nullptr;
  int error_ = 0;
};

Result<std::unique_ptr<ReplayJournal>> ReplayJournal::begin(fs::path file, std::size_t records,
                                                            Judge judge) {
  auto journal =
      std::unique_ptr<ReplayJournal>(new ReplayJournal(std::move(file), records, std::move(judge)));
  if (auto status = journal->open(); !status) return Unexpected(status.error());
  return journal;
}

ReplayJournal::ReplayJournal(fs::path file, std::size_t records, Judge judge)
    : file_(std::move(file)),
      most_(std::max<std::size_t>(records, 1)),
      judge_(judge ? std::move(judge) : [](const auto&) { return Fate::drop; }),
      lmdb_(std::make_unique<Environment>()),
      next_(kFirstRecord) {}

ReplayJournal::~ReplayJournal() = default;

fs::path ReplayJournal::unpublished() const {
  auto name = file_;
  name += ".new";
  return name;
}

Status ReplayJournal::open() {
  const auto file = unpublished();
  if (unlink(file.c_str()) != 0 && errno != ENOENT) {
    return fail(fmt::format("{} cannot be removed: {}", file.string(), base::why()));
  }
  int error = mdb_env_create(&lmdb_->env);
  if (error != 0) return failed(file, "LMDB cannot start", error);
  const auto page = system_page_bytes();
  const auto bytes = most_ * kRecordBytes + kSparePages * std::min(page, kLargestPage);
  mdb_env_set_mapsize(lmdb_->env, (bytes + page - 1) / page * page);
  error = mdb_env_open(lmdb_->env, file.c_str(), kFlags, kMode);
  if (error != 0) return failed(file, "cannot be made", error);
  keep_to_this_process(lmdb_->env);
  if (auto status = reserve(kChunk); !status) return status;
  Transaction transaction(lmdb_->env);
  error = transaction.error();
  if (error == 0) error = mdb_dbi_open(transaction.get(), nullptr, MDB_INTEGERKEY, &lmdb_->records);
  if (error == 0) error = transaction.commit();
  return error == 0 ? Status() : failed(file, "cannot be begun", error);
}

Status ReplayJournal::publish() {
  const std::lock_guard lock(mutex_);
  if (rename(unpublished().c_str(), file_.c_str()) == 0) return {};
  return fail(fmt::format("{} cannot be put in its place: {}", file_.string(), base::why()));
}

/// The file is as long as it may ever become, but has blocks only where it was written. They are
/// asked for ahead of that: a write to the map that finds no room on the disk ends the process.
Status ReplayJournal::reserve(std::size_t bytes) {
  MDB_envinfo info;
  mdb_env_info(lmdb_->env, &info);
  const auto needed =
      std::min((info.me_last_pgno + 1) * page_bytes(lmdb_->env) + bytes, info.me_mapsize);
  while (reserved_ < needed) {
    int fd = -1;
    mdb_env_get_fd(lmdb_->env, &fd);
    const auto size = std::min(kChunk, info.me_mapsize - reserved_);
    const int error = posix_fallocate(fd, static_cast<off_t>(reserved_), static_cast<off_t>(size));
    if (error != 0) {
      return fail(fmt::format("{}: no room on the disk: {}", file_.string(), std::strerror(error)));
    }
    reserved_ += size;
  }
  return {};
}

Status ReplayJournal::append(std::span<const ReplayRecord> records) {
  const std::lock_guard lock(mutex_);
  if (appends_left_ < records.size()) {
    const auto per_append = kPagesPerAppend * page_bytes(lmdb_->env);
    if (auto status = reserve(per_append * kAppendsPerLook + records.size() * kRecordBytes);
        !status) {
      return status;
    }
    appends_left_ = kAppendsPerLook + records.size();
  }
  appends_left_ -= records.size();

  Transaction transaction(lmdb_->env);
  if (transaction.error() != 0) return failed(file_, "append", transaction.error());
  const auto size = size_.load();
  std::size_t removed = 0;
  if (auto status = make_room(transaction, records.size(), removed); !status) return status;
  for (const auto& record : records) {
    if (auto status = put(transaction, record); !status) return status;
  }
  if (const int error = transaction.commit(); error != 0) return failed(file_, "append", error);
  size_ = size - removed + records.size();
  evicted_ += removed;
  return {};
}

/// Most that are the oldest may be needed still, and are put at the other end.
Status ReplayJournal::make_room(Transaction& transaction, std::size_t records,
                                std::size_t& removed) {
  const auto size = size_.load();
  const auto room = [&] { return most_ - std::min(most_, size - removed); };
  std::size_t looked_at = 0;
  std::size_t reserved = kPagesPerAppend * kAppendsPerLook * page_bytes(lmdb_->env);
  while (size > removed && room() < records) {
    const auto batch = std::min(size - removed, std::max(records - room(), kEvictBatch));
    reserved += kPagesPerAppend * page_bytes(lmdb_->env) + 2 * batch * kRecordBytes;
    if (auto status = reserve(reserved); !status) return status;
    // If all are needed, the journal is too small, and what is oldest goes as if it was not.
    const bool any = looked_at >= size;
    if (auto status = remove_oldest(transaction, batch, any, removed); !status) return status;
    looked_at += batch;
  }
  return {};
}

Result<bool> ReplayJournal::prune_to(std::size_t records, std::size_t batch) {
  const std::lock_guard lock(mutex_);
  const auto size = size_.load();
  if (size <= records) return false;
  const auto looked_at = std::min(size - records, batch);
  const auto per_append = kPagesPerAppend * page_bytes(lmdb_->env);
  if (auto status = reserve(per_append * (kAppendsPerLook + 1) + 2 * looked_at * kRecordBytes);
      !status) {
    return Unexpected(status.error());
  }
  Transaction transaction(lmdb_->env);
  if (transaction.error() != 0) return failed(file_, "prune", transaction.error());
  std::size_t removed = 0;
  if (auto status = remove_oldest(transaction, looked_at, false, removed); !status) {
    return Unexpected(status.error());
  }
  if (const int error = transaction.commit(); error != 0) return failed(file_, "prune", error);
  size_ = size - removed;
  return size - removed > records;
}

/// Takes records from the old end. @param any also those that are needed @param removed grows by
/// how many are not put at the other end
Status ReplayJournal::remove_oldest(Transaction& transaction, std::size_t records, bool any,
                                    std::size_t& removed) {
  std::vector<ReplayRecord> oldest;
  if (auto status = take_oldest(transaction, records, oldest); !status) return status;
  for (const auto& record : oldest) {
    auto fate = judge_(record);
    if (fate == Fate::keep && any) fate = Fate::note;
    if (fate == Fate::keep) {
      if (auto status = put(transaction, record); !status) return status;
      continue;
    }
    ++removed;
    if (fate == Fate::drop) continue;
    const auto holder = fate == Fate::note ? record.holder : kNobody;
    if (auto status = note(transaction, {holder, record.time}); !status) return status;
  }
  return {};
}

Status ReplayJournal::take_oldest(Transaction& transaction, std::size_t records,
                                  std::vector<ReplayRecord>& oldest) {
  MDB_cursor* cursor = nullptr;
  int error = mdb_cursor_open(transaction.get(), lmdb_->records, &cursor);
  for (std::size_t i = 0; error == 0 && i < records; ++i) {
    auto first = kFirstRecord;
    auto key = value_of(first);
    MDB_val value;
    error = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    if (error != 0) break;
    Stored stored{};
    std::memcpy(&stored, value.mv_data, sizeof stored);
    oldest.push_back(to_record(stored));
    error = mdb_cursor_del(cursor, 0);
  }
  if (cursor != nullptr) mdb_cursor_close(cursor);
  return error == 0 ? Status() : failed(file_, "prune", error);
}

Status ReplayJournal::put(Transaction& transaction, const ReplayRecord& record) {
  Stored stored{record.key, to_stored(record.time),
                record.registered ? kOfRegistered : kOfUnregistered, record.holder};
  auto key = value_of(next_);
  auto value = value_of(stored);
  const int error = mdb_put(transaction.get(), lmdb_->records, &key, &value, MDB_APPEND);
  if (error != 0) return failed(file_, "append", error);
  ++next_;
  return {};
}

Status ReplayJournal::note(const GivenUp::Place& given_up) {
  const std::lock_guard lock(mutex_);
  Transaction transaction(lmdb_->env);
  if (transaction.error() != 0) return failed(file_, "note", transaction.error());
  if (auto status = note(transaction, given_up); !status) return status;
  const int error = transaction.commit();
  return error == 0 ? Status() : failed(file_, "note", error);
}

Status ReplayJournal::note(Transaction& transaction, const GivenUp::Place& given_up) {
  for (const auto changed : given_up_.note(given_up.holder, given_up.until)) {
    if (!changed) continue;
    const auto& place = given_up_.place(*changed);
    Stored stored{{}, to_stored(place.until), kGivenUp, place.holder};
    std::uint64_t number = *changed;
    auto key = value_of(number);
    auto value = value_of(stored);
    const int error = mdb_put(transaction.get(), lmdb_->records, &key, &value, 0);
    if (error != 0) return failed(file_, "note", error);
  }
  return {};
}

Status ReplayJournal::sync() {
  const std::lock_guard lock(mutex_);
  const int error = mdb_env_sync(lmdb_->env, 1);
  return error == 0 ? Status() : failed(file_, "sync", error);
}

namespace {

/// Writes the records to a pipe. @return an error of LMDB's, or 0
int send_records(const fs::path& file, int pipe) {
  MDB_env* env = nullptr;  // never closed: the process ends
  MDB_txn* transaction = nullptr;
  MDB_dbi records = 0;
  MDB_cursor* cursor = nullptr;
  int error = mdb_env_create(&env);
  if (error == 0) error = mdb_env_open(env, file.c_str(), kReadFlags, kMode);
  if (error == 0) error = mdb_txn_begin(env, nullptr, MDB_RDONLY, &transaction);
  if (error == 0) error = mdb_dbi_open(transaction, nullptr, MDB_INTEGERKEY, &records);
  if (error == 0) error = mdb_cursor_open(transaction, records, &cursor);
  std::vector<Stored> portion;
  portion.reserve(kPortion);
  const auto flush = [&] {
    const auto sent = base::write_all(
        pipe, {reinterpret_cast<const char*>(portion.data()), portion.size() * sizeof(Stored)});
    portion.clear();
    return sent ? 0 : EPIPE;
  };
  MDB_val key;
  MDB_val value;
  while (error == 0 && (error = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
    const bool has_holder = value.mv_size == sizeof(Stored);
    if (!has_holder && value.mv_size != sizeof(StoredWithoutHolder)) return MDB_CORRUPTED;
    std::memcpy(&portion.emplace_back(), value.mv_data, value.mv_size);
    if (portion.size() == kPortion) error = flush();
  }
  const int sent = flush();
  return error == MDB_NOTFOUND ? sent : error;
}

/// What the child does. Its exit status is 0, or 1 when it has named LMDB's error.
[[noreturn]] void be_child(const fs::path& file, int pipe) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  const rlimit seconds{kReadSeconds, kReadSeconds};
  setrlimit(RLIMIT_CPU, &seconds);
  for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE}) std::signal(signal, SIG_DFL);
  const base::Descriptor null(open("/dev/null", O_WRONLY | O_CLOEXEC));
  if (null) dup2(null.get(), STDERR_FILENO);  // LMDB's assertions are not for the log
  _exit(send_records(file, pipe) == 0 ? 0 : 1);
}

using Take = std::function<void(std::span<const ReplayRecord>)>;
using Note = std::function<void(const GivenUp::Place&)>;

/// Reads up to whole records. @return bytes that are left over
std::size_t receive(int pipe, const Take& take, const Note& note) {
  std::array<char, kPortion * sizeof(Stored)> buffer;
  std::vector<ReplayRecord> records;
  std::size_t held = 0;
  for (;;) {
    const auto got = read(pipe, buffer.data() + held, buffer.size() - held);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return held;
    held += static_cast<std::size_t>(got);
    records.clear();
    std::size_t at = 0;
    for (; held - at >= sizeof(Stored); at += sizeof(Stored)) {
      Stored stored{};
      std::memcpy(&stored, buffer.data() + at, sizeof stored);
      const auto record = to_record(stored);
      if (stored.kind != kGivenUp) {
        records.push_back(record);
      } else if (note) {
        note({record.holder, record.time});
      }
    }
    std::memmove(buffer.data(), buffer.data() + at, held - at);
    held -= at;
    if (!records.empty()) take(records);
  }
}

}  // namespace

Status read_journal(const fs::path& file, const Take& take, const Note& note) {
  if (::access(file.c_str(), R_OK) != 0) {
    return fail(fmt::format("{}: {}", file.string(), base::why()));
  }
  std::array<int, 2> ends{-1, -1};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return fail("pipe: " + base::why());
  base::Descriptor out(ends[0]);
  base::Descriptor in(ends[1]);
  const pid_t child = fork();
  if (child < 0) return fail("fork: " + base::why());
  if (child == 0) be_child(file, in.get());
  in.reset();
  const auto rest = receive(out.get(), take, note);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && rest == 0) return {};
  return fail(fmt::format("{} is broken", file.string()));
}

}  // namespace dojo::policy
