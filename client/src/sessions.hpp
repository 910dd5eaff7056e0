// Sessions with peers: one signature, then a keyed hash for each request. docs/client.md states the
// rules, docs/wire.md what goes over the wire.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include <dojo/wire/session.hpp>

#include "call.hpp"
#include "session.hpp"
#include "target.hpp"

namespace dojo::detail {

/// Of each target and receiver: the session, or when to ask for one. A request never waits for it:
/// while there is none it is signed. Any thread.
class Sessions {
 public:
  /// @param client whose requests they are for
  explicit Sessions(const wire::PublicKey& client) : client_(client) {}

  /// The session with a receiver there; null: there is none.
  [[nodiscard]] std::shared_ptr<Session> find(const Target& target, const wire::PublicKey& to);

  /// Whether one is to be asked for now. Who is told so asks, with opening(), or says failed().
  [[nodiscard]] bool is_wanted(const Target& target, const wire::PublicKey& to);
  /// The request that asks, and takes what comes of it. Must not outlive this.
  [[nodiscard]] Submission opening(const Target& target, const wire::PublicKey& to,
                                   std::chrono::milliseconds timeout);
  /// There was no asking.
  void failed(const Target& target, const wire::PublicKey& to) noexcept;

  /// The host does not know it any more.
  void lost(const Target& target, const wire::PublicKey& to, const Session& session);

 private:
  struct Peer {
    std::shared_ptr<Session> session;
    bool asked = false;             // and no answer yet
    Clock::time_point ask_again{};  // not before
  };
  static std::string name_of(const Target& target, const wire::PublicKey& to);
  static void drop_if_over(Peer& peer);
  void settle(const std::string& name, std::shared_ptr<Session> session,
              std::chrono::seconds wait) noexcept;

  const wire::PublicKey client_;
  std::mutex mutex_;
  std::unordered_map<std::string, Peer> peers_;  // mutex_
};

}  // namespace dojo::detail
