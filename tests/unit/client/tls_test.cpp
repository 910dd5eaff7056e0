// https: whom the client trusts, and what it says of whom it does not.
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models.hpp"
#include "tls_identity.hpp"

namespace dojo::testing {
namespace {

using Kind = SendError::Kind;

Reply ok(const Seen&) {
  return {};
}

ClientOptions trusting(const std::string& file) {
  ClientOptions options;
  options.ca_file = file;
  return options;
}

// What a client with these options makes of a peer with that identity.
StdResponse<Echo> send_to(const TlsIdentity& identity, const ClientOptions& options,
                          std::size_t& requests) {
  ScriptedPeer peer(ok, {.tls = identity.context()});
  Client client(key(), options);
  auto answer = client.send(peer.url(), Echo{}, quick());
  requests = peer.seen().size();
  return answer;
}

void expect_distrust(const TlsIdentity& identity, const ClientOptions& options) {
  std::size_t requests = 0;
  const auto answer = send_to(identity, options, requests);
  EXPECT_EQ(kind_of(answer.exception), Kind::tls);
  EXPECT_EQ(answer.client_response.attempts, 1) << "another attempt would trust it no more";
  EXPECT_EQ(requests, 0U) << "nothing that is signed goes to whom it does not trust";
}

TEST(Tls, AStrangersCertificateIsNotTrusted) {
  expect_distrust(TlsIdentity("IP:127.0.0.1"), {});
}

TEST(Tls, ACertificateOfTheCaFileIsTrusted) {
  const TlsIdentity identity("IP:127.0.0.1");
  std::size_t requests = 0;
  const auto answer = send_to(identity, trusting(identity.pem_file()), requests);
  EXPECT_TRUE(answer.ok()) << answer.reason();
  EXPECT_GT(answer.client_response.timings.secured.count(), 0);
}

TEST(Tls, TheCaFileStandsInPlaceOfTheSystems) {
  const TlsIdentity another("IP:127.0.0.1");
  expect_distrust(TlsIdentity("IP:127.0.0.1"), trusting(another.pem_file()));
}

TEST(Tls, ACertificateIsForItsNamesAlone) {
  const TlsIdentity identity("IP:127.0.0.2,DNS:miner.example");
  expect_distrust(identity, trusting(identity.pem_file()));
}

TEST(Tls, AnExpiredCertificateIsNotTrusted) {
  const TlsIdentity identity("IP:127.0.0.1", std::chrono::minutes(30));
  expect_distrust(identity, trusting(identity.pem_file()));
}

TEST(Tls, ACaFileThatIsNotThereIsSaid) {
  std::size_t requests = 0;
  const auto answer = send_to(TlsIdentity("IP:127.0.0.1"), trusting("/nowhere/ca.pem"), requests);
  ASSERT_EQ(kind_of(answer.exception), Kind::tls);
  EXPECT_THAT(answer.reason(), ::testing::HasSubstr("/nowhere/ca.pem"));
  EXPECT_EQ(requests, 0U);
}

TEST(Tls, InsecureTakesAny) {
  ClientOptions insecure;
  insecure.insecure_tls = true;
  for (const auto& identity :
       {std::make_unique<TlsIdentity>("IP:127.0.0.2"),
        std::make_unique<TlsIdentity>("IP:127.0.0.1", std::chrono::minutes(30))}) {
    std::size_t requests = 0;
    EXPECT_TRUE(send_to(*identity, insecure, requests).ok());
    EXPECT_EQ(requests, 1U);
  }
}

TEST(Tls, AConnectionIsKeptAndUsedAgain) {
  const TlsIdentity identity("IP:127.0.0.1");
  ScriptedPeer peer(ok, {.tls = identity.context()});
  Client client(key(), trusting(identity.pem_file()));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(client.send(peer.url(), Echo{}).ok());
  EXPECT_EQ(peer.connections(), 1);
}

TEST(Tls, AKeptConnectionThatBrokeIsReplaced) {
  const TlsIdentity identity("IP:127.0.0.1");
  int requests = 0;
  ScriptedPeer peer([&](const Seen&) { return ++requests == 2 ? Reply{.cut_after = 0} : Reply{}; },
                    {.tls = identity.context()});
  Client client(key(), trusting(identity.pem_file()));
  ASSERT_TRUE(client.send(peer.url(), Echo{}, quick()).ok());
  const auto answer = client.send(peer.url(), Echo{}, quick());
  EXPECT_TRUE(answer.ok()) << answer.reason();
  EXPECT_EQ(answer.client_response.attempts, 1);
}

}  // namespace
}  // namespace dojo::testing
