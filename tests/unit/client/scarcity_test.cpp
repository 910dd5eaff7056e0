// What there is not enough of ends a request, never the process, and no request is forgotten.
#include <atomic>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "models.hpp"
#include "scarce_memory.hpp"

namespace dojo::testing {
namespace {

using Kind = SendError::Kind;

// All the descriptors that this process may still have.
class AllDescriptors {
 public:
  AllDescriptors() {
    for (int taken = dup(0); taken >= 0; taken = dup(0)) taken_.push_back(taken);
  }
  ~AllDescriptors() { give_back(taken_.size()); }
  AllDescriptors(const AllDescriptors&) = delete;
  AllDescriptors& operator=(const AllDescriptors&) = delete;

  void give_back(std::size_t count) {
    for (; count > 0 && !taken_.empty(); --count) {
      close(taken_.back());
      taken_.pop_back();
    }
  }

 private:
  std::vector<int> taken_;
};

// Every way a request can go: a HEAD, another attempt, a batch's queue, a callback, a refusal.
std::vector<StdResponse<Echo>> send_some(Client& client, const std::string& url) {
  BatchOptions<Echo> options;
  options.send = quick();
  options.send.wait_exponential_factor = 0.001;
  options.send.preflight = Preflight::always;
  options.concurrency = 1;
  std::size_t called = 0;
  options.on_result = [&](std::size_t, const StdResponse<Echo>&) { ++called; };
  std::stop_source stop;
  options.send.stop = stop.get_token();
  const std::string longer(100, 'a');
  auto answers = client.batch_send({url, "ftp://x", url + "/" + longer}, Echo{longer}, options);
  EXPECT_EQ(called, 3U);
  return answers;
}

TEST(Scarcity, OfMemoryEndsTheRequestThatItHits) {
  std::atomic<int> requests{0};
  ScriptedPeer peer([&](const Seen&) {
    return ++requests % 3 == 0 ? Reply{.status = 503} : zstd_reply(R"({"body":{"text":"hi"}})");
  });
  Client client(key());
  int hit = 0;
  for (int nth = 0;; ++nth) {
    fail_allocation(nth);
    const auto answers = send_some(client, peer.url());
    const bool failed = allocation_failed();
    ASSERT_EQ(answers.size(), 3U);
    for (const auto& answer : answers) {
      EXPECT_TRUE(answer.ok() || answer.exception || answer.error);
      hit += kind_of(answer.exception) == Kind::internal;
    }
    auto patient = quick();
    patient.max_retries = 5;
    ASSERT_TRUE(client.send(peer.url(), Echo{}, patient).ok()) << "after allocation " << nth;
    if (!failed) break;
  }
  EXPECT_GT(hit, 20) << "the client allocates more often than that";
}

TEST(Scarcity, OfDescriptorsIsSaidAtTheStart) {
  AllDescriptors none;
  EXPECT_THROW(Client{key()}, std::runtime_error);
}

TEST(Scarcity, OfDescriptorsIsAConnectionErrorLater) {
  ScriptedPeer peer([](const Seen&) { return Reply{}; });
  Client client(key());
  auto once = quick();
  once.max_retries = 1;
  {
    AllDescriptors none;
    EXPECT_EQ(kind_of(client.send(peer.url(), Echo{}, once).exception), Kind::connection);
  }
  EXPECT_TRUE(client.send(peer.url(), Echo{}, once).ok());
}

}  // namespace
}  // namespace dojo::testing
