// What the host has seen, and may not be sent again: in memory, and across restarts.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include <sodium.h>

#include <dojo/result.hpp>

#include "base/descriptor.hpp"
#include "policy/enrolment.hpp"
#include "policy/replay/given_up.hpp"
#include "policy/replay/replay_journal.hpp"
#include "policy/replay/replay_store.hpp"
#include "policy/visit.hpp"

namespace dojo::policy {

struct ReplayOptions {
  std::size_t nonces = std::size_t{64} << 20;  ///< bytes of memory for dojo/1 nonces and Epistula's
  std::size_t legacy = std::size_t{64} << 20;  ///< the same for legacy signatures
  bool persist = true;                         ///< whether it outlives the process
  /// Whether the hotkey that requests are for was made just now: then nothing can have been signed
  /// for it before the very first start.
  bool fresh_identity = false;
};

/// The two clocks that it goes by. Tests set them.
struct ReplayClocks {
  std::function<WallTime()> wall;
  std::function<std::chrono::milliseconds()> steady;  ///< never goes back; counts from anywhere
  static ReplayClocks of_the_system();
};

/// Who has signed what is remembered.
struct Signer {
  std::string_view address{};  ///< for people
  Enrolment enrolment{};
};

/// Two stores, each with a journal if it is to persist. docs/decisions/replay.md says why it is as
/// it is. Any thread.
class ReplayMemory {
 public:
  enum class Kind : std::uint8_t {
    nonce,   ///< used once by a signer, in a message that has a time
    legacy,  ///< a signature over a text that has none
  };
  /// For what an operator should know: what has happened, and why.
  using Warn = std::function<void(std::string_view what, std::string_view why)>;

  /// Nothing persists, and nothing is known to have been before.
  ReplayMemory(const ReplayOptions& options, ReplayClocks clocks);
  /// Takes up what an earlier process has left in <state>/access/replay, which is made if it is
  /// missing. What is broken there is named to `warn`, and begun anew.
  /// @param warn also called later, by any thread @return an error if the folder cannot be used, or
  /// another process uses it
  static Result<std::unique_ptr<ReplayMemory>> open(const ReplayOptions& options,
                                                    const std::filesystem::path& state,
                                                    ReplayClocks clocks, Warn warn);
  /// Leaves everything in good order for the next process.
  ~ReplayMemory();
  ReplayMemory(const ReplayMemory&) = delete;
  ReplayMemory& operator=(const ReplayMemory&) = delete;

  /// How long each kind is kept. Until it is told, for ever.
  void keep(Kind kind, std::chrono::milliseconds how_long);

  /// The name of what was used once: hashes under this host's own secret.
  [[nodiscard]] ReplayName name(Kind kind, std::string_view signer,
                                std::string_view used_once) const;
  /// What is known of it before it is proven. @param time the message's; a legacy one has none
  [[nodiscard]] Seen look(Kind kind, const ReplayName& name, WallTime time = {}) const;
  /// Remembers what is fresh, in the journal too before it comes back.
  /// @return what it was: exactly one of several threads gets `fresh`
  Seen insert(Kind kind, const ReplayName& name, WallTime time, const Signer& signer);

  /// Messages of a time up to this one may have been taken before, and that not be known any more:
  /// none of them may be taken. @param ahead how far a message's time may be ahead of ours
  [[nodiscard]] WallTime blind_until(std::chrono::milliseconds ahead) const;

  /// Forgets what is too old, and prunes the journals. A thread does this every half second.
  void tidy();

  struct Sizes {
    std::size_t entries = 0;
    std::size_t bytes = 0;          ///< of memory
    std::uint64_t evicted = 0;      ///< forgotten before their time, for want of room
    std::uint64_t crowded_out = 0;  ///< of these, for another signer
    std::size_t journal = 0;        ///< records; 0 without one
  };
  [[nodiscard]] Sizes sizes(Kind kind) const;

 private:
  static constexpr auto kForEver = std::chrono::milliseconds::max();
  struct Part {
    Part(std::size_t budget, bool timed) : store(budget, timed) {}
    ReplayStore store;
    std::unique_ptr<ReplayJournal> journal;
    std::atomic<std::int64_t> keep_ms{kForEver.count()};
  };
  [[nodiscard]] Part& part(Kind kind) { return kind == Kind::nonce ? nonces_ : legacy_; }
  [[nodiscard]] const Part& part(Kind kind) const {
    return kind == Kind::nonce ? nonces_ : legacy_;
  }
  [[nodiscard]] WallTime host_time() const;
  [[nodiscard]] std::chrono::sys_seconds oldest_kept(Kind kind, WallTime wall) const;
  void begin_hashing(std::string_view secret);
  void load(Kind kind, const ReplayRecord& record);
  [[nodiscard]] ReplayJournal::Fate fate(Kind kind, const ReplayRecord& record) const;
  [[nodiscard]] bool was_given_up(Kind kind, const ReplayName& name,
                                  std::chrono::sys_seconds time) const;
  void note_roll(std::uint64_t roll);
  void tell(Kind kind, const Signer& signer, const ReplayStore::Inserted& done);

  Status take_folder(const std::filesystem::path& state);
  Status take_up();
  Status begin_journals(bool from_old, std::string& lost);
  Status begin_journal(Kind kind, bool from_old, std::string& lost);
  Status take_secret(bool& from_old, std::string& lost);
  Status write_mark(bool stopped);
  void give_up_journals(const std::string& why);
  void saw(std::chrono::sys_seconds time);
  void tidy(std::size_t shards);
  void prune(Part& part);
  void tidy_until_the_end();

  const ReplayOptions options_;
  const ReplayClocks clocks_;
  Warn warn_;
  WallTime wall_start_;
  std::chrono::milliseconds steady_start_{0};
  crypto_generichash_state hashing_{};
  std::array<unsigned char, crypto_shorthash_KEYBYTES> holders_secret_{};
  Part nonces_;
  Part legacy_;

  // Set while it is opened.
  WallTime blind_until_{};  // whatever a message's time may be ahead of ours
  std::optional<WallTime>
      unknown_until_{};  // when an earlier process that is not remembered was last at work
  GivenUp given_up_;     // by earlier processes
  std::filesystem::path path_;
  base::Descriptor folder_;
  base::Descriptor lock_;

  std::atomic<std::int64_t> latest_{0};   // the latest time of a nonce, in seconds
  std::atomic<std::uint64_t> roll_{0};    // of the last one who signed
  std::atomic<std::int64_t> changed_{0};  // latest_ as it was when that was another one last
  std::atomic<std::int64_t> told_{0};     // when it was last said who has too much
  std::atomic<bool> journaling_{false};
  std::mutex mark_mutex_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool ending_ = false;
  std::thread tidying_;
};

}  // namespace dojo::policy
