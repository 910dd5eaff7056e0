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

#include <dojo/result.hpp>

#include "policy/replay/replay_store.hpp"

namespace dojo::policy {

struct ReplayRecord {
  ReplayKey key;
  std::chrono::sys_seconds time;
};

/// Records in order of their coming, in a file of LMDB's (http://www.lmdb.tech/doc/). A record that
/// was appended is there after the process has been killed at any moment; after a power failure the
/// file may be torn, unless sync() came before. Bounded. Any thread.
class ReplayJournal {
 public:
  /// Begins an empty journal. What stands under that name is replaced at publish().
  /// @param records at most; then the oldest makes room, and that is counted
  static Result<std::unique_ptr<ReplayJournal>> begin(std::filesystem::path file,
                                                      std::size_t records);
  ~ReplayJournal();
  ReplayJournal(const ReplayJournal&) = delete;
  ReplayJournal& operator=(const ReplayJournal&) = delete;

  /// Puts it in the place of the old one.
  Status publish();
  /// Adds records in one transaction. @return an error if the disk is full or fails; nothing is
  /// added then, and the journal should be given up
  Status append(std::span<const ReplayRecord> records);
  /// Removes the oldest until there are `records`, but at most `batch` of them.
  /// @return whether there are more to remove
  Result<bool> prune_to(std::size_t records, std::size_t batch);
  /// Waits until all is on the disk.
  Status sync();

  [[nodiscard]] std::size_t size() const { return size_; }
  /// Records that had to go because the journal was full.
  [[nodiscard]] std::uint64_t evicted() const { return evicted_; }

 private:
  class Transaction;
  struct Environment;
  ReplayJournal(std::filesystem::path file, std::size_t records);
  [[nodiscard]] std::filesystem::path unpublished() const;
  Status open();
  Status reserve(std::size_t bytes);
  Status remove_oldest(Transaction& transaction, std::size_t records);

  const std::filesystem::path file_;
  const std::size_t most_;
  std::unique_ptr<Environment> lmdb_;
  std::mutex mutex_;
  std::uint64_t next_ = 0;        // number of the next record
  std::size_t reserved_ = 0;      // bytes of the file that the disk has set apart
  std::size_t appends_left_ = 0;  // until that has to be looked at again
  std::atomic<std::size_t> size_{0};
  std::atomic<std::uint64_t> evicted_{0};
};

/// Reads a journal that nobody has open, from old to new. A process of its own does that: LMDB
/// trusts its files, so that a broken one may end or hang who reads it.
/// @param take gets them in portions, on this thread
/// @return an error that says what is wrong with the file; what could be read has been given to
/// `take`
Status read_journal(const std::filesystem::path& file,
                    const std::function<void(std::span<const ReplayRecord>)>& take);

}  // namespace dojo::policy
