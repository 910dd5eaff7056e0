// What a ReplayStore holds, in a file that outlives the process.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include <dojo/result.hpp>

#include "policy/replay/given_up.hpp"
#include "policy/replay/replay_store.hpp"

namespace dojo::policy {

/// Records in order of their coming, in a file of LMDB's (http://www.lmdb.tech/doc/). A record that
/// was appended is there after the process has been killed at any moment; after a power failure the
/// file may be torn, unless sync() came before. Bounded. Any thread.
class ReplayJournal {
 public:
  /// What becomes of a record when it is the oldest, and there are too many.
  enum class Fate : std::uint8_t {
    keep,               ///< it is written again, as the youngest
    drop,               ///< it goes
    note,               ///< it goes; its holder's messages up to its time may be forgotten ones
    note_for_everybody  ///< and everybody's
  };
  using Judge = std::function<Fate(const ReplayRecord&)>;

  /// Begins an empty journal. What stands under that name is replaced at publish().
  /// @param records at most; then the oldest make room, and that is counted. More than are kept
  /// @param judge asked within append() and prune_to(); none: all may be dropped
  static Result<std::unique_ptr<ReplayJournal>> begin(std::filesystem::path file,
                                                      std::size_t records, Judge judge = {});
  ~ReplayJournal();
  ReplayJournal(const ReplayJournal&) = delete;
  ReplayJournal& operator=(const ReplayJournal&) = delete;

  /// Puts it in the place of the old one.
  Status publish();
  /// Adds records in one transaction. @return an error if the disk is full or fails; nothing is
  /// added then, and the journal should be given up
  Status append(std::span<const ReplayRecord> records);
  /// Notes what an earlier journal says of keys that were given up.
  Status note(const GivenUp::Place& given_up);
  /// Looks through the oldest for such as can go until there are `records`, but at most `batch` of
  /// them. @return whether there are more to remove
  Result<bool> prune_to(std::size_t records, std::size_t batch);
  /// Waits until all is on the disk.
  Status sync();

  [[nodiscard]] std::size_t size() const { return size_; }
  /// Records that had to go because the journal was full.
  [[nodiscard]] std::uint64_t evicted() const { return evicted_; }

 private:
  class Transaction;
  struct Environment;
  ReplayJournal(std::filesystem::path file, std::size_t records, Judge judge);
  [[nodiscard]] std::filesystem::path unpublished() const;
  Status open();
  Status reserve(std::size_t bytes);
  Status make_room(Transaction& transaction, std::size_t records, std::size_t& removed);
  Status remove_oldest(Transaction& transaction, std::size_t records, bool any,
                       std::size_t& removed);
  Status take_oldest(Transaction& transaction, std::size_t records,
                     std::vector<ReplayRecord>& oldest);
  Status put(Transaction& transaction, const ReplayRecord& record);
  Status note(Transaction& transaction, const GivenUp::Place& given_up);

  const std::filesystem::path file_;
  const std::size_t most_;
  const Judge judge_;
  std::unique_ptr<Environment> lmdb_;
  std::mutex mutex_;
  GivenUp given_up_;              // as it is in the file
  std::uint64_t next_;            // number of the next record
  std::size_t reserved_ = 0;      // bytes of the file that the disk has set apart
  std::size_t appends_left_ = 0;  // until that has to be looked at again
  std::atomic<std::size_t> size_{0};
  std::atomic<std::uint64_t> evicted_{0};
};

/// Reads a journal that nobody has open, from old to new. A process of its own does that: LMDB
/// trusts its files, so that a broken one may end or hang who reads it.
/// @param take gets them in portions, on this thread. Those of a version that told no holders have
/// none @param note gets what was given up, before all records
/// @return an error that says what is wrong with the file; what could be read has been given to
/// `take`
Status read_journal(const std::filesystem::path& file,
                    const std::function<void(std::span<const ReplayRecord>)>& take,
                    const std::function<void(const GivenUp::Place&)>& note = {});

}  // namespace dojo::policy
