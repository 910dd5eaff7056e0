#include "policy/metagraph/metagraph.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/kami.hpp"
#include "policy/metagraph/metagraph_json.hpp"

namespace dojo::policy {
namespace {

using test::kami_answer;
using test::kami_metagraph;
using test::key_of;
using test::some_neurons;
using testing::StartsWith;

std::string wrong(const std::string& json) {
  const auto metagraph = parse_metagraph(json);
  return metagraph ? "" : metagraph.error().message;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

/// Two neurons, in few words.
std::string small(const std::string& permits = "[true,false]",
                  const std::string& stakes = "[5,0.5]") {
  return R"({"netuid":1,"block":7,"hotkeys":[")" + wire::encode_ss58(key_of(1)) + R"(",")" +
         wire::encode_ss58(key_of(2)) + R"("],"coldkeys":[")" + wire::encode_ss58(key_of(3)) +
         R"(",")" + wire::encode_ss58(key_of(3)) + R"("],"validatorPermit":)" + permits +
         R"(,"totalStake":)" + stakes + "}";
}

TEST(Metagraph, KnowsItsNeuronsByHotkey) {
  const Metagraph metagraph(52, 9, some_neurons(256));
  const auto* neuron = metagraph.find(key_of(200));
  ASSERT_NE(neuron, nullptr);
  EXPECT_EQ(neuron->uid, 200);
  EXPECT_EQ(neuron->coldkey, key_of(1'000'066));
  EXPECT_TRUE(neuron->validator_permit);
  EXPECT_EQ(neuron->stake, 2000);
  EXPECT_EQ(metagraph.find(key_of(256)), nullptr);
}

TEST(Metagraph, TakesTheMeanOfValidatorsWithStakeAlone) {
  // Of uids 0 to 8: validators are 0 (no stake), 4 and 8.
  EXPECT_EQ(Metagraph(52, 9, some_neurons(9)).mean_validator_stake(), 60);
  EXPECT_EQ(Metagraph(52, 9, some_neurons(1)).mean_validator_stake(), 0);
}

TEST(ParseMetagraph, ReadsWhatKamiAnswers) {
  const auto metagraph = parse_metagraph(kami_answer(some_neurons(256)));
  ASSERT_TRUE(metagraph) << metagraph.error().message;
  EXPECT_EQ(metagraph->netuid(), 52);
  EXPECT_EQ(metagraph->block(), 5'000'000u);
  ASSERT_EQ(metagraph->neurons().size(), 256u);
  const auto wanted = some_neurons(256);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto& neuron = metagraph->neurons()[i];
    EXPECT_EQ(neuron.uid, i);
    EXPECT_EQ(neuron.hotkey, wanted[i].hotkey);
    EXPECT_EQ(neuron.coldkey, wanted[i].coldkey);
    EXPECT_EQ(neuron.validator_permit, wanted[i].validator_permit);
    EXPECT_EQ(neuron.stake, wanted[i].stake);
  }
}

TEST(ParseMetagraph, ReadsItWithoutTheWrapping) {
  const auto metagraph = parse_metagraph(kami_metagraph(some_neurons(3), 7, 8));
  ASSERT_TRUE(metagraph) << metagraph.error().message;
  EXPECT_EQ(metagraph->netuid(), 7);
  EXPECT_EQ(metagraph->neurons().size(), 3u);
}

TEST(ParseMetagraph, ReadsWhatWasWrittenForTheNextStart) {
  const Metagraph before(52, 9, some_neurons(20));
  const auto json = metagraph_json(before);
  ASSERT_TRUE(json);
  const auto after = parse_metagraph(*json);
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_EQ(after->block(), 9u);
  EXPECT_EQ(after->find(key_of(13))->stake, 130);
  EXPECT_EQ(after->find(key_of(12))->validator_permit, true);
  EXPECT_EQ(after->find(key_of(13))->coldkey, key_of(1'000'004));
}

TEST(ParseMetagraph, NamesTheFieldThatIsMissingOrOfAnotherKind) {
  for (const char* field :
       {"netuid", "block", "hotkeys", "coldkeys", "validatorPermit", "totalStake"}) {
    const auto quoted = '"' + std::string(field) + '"';
    EXPECT_EQ(wrong(replaced(small(), quoted, "\"another\"")),
              std::string(field) + ": required field is missing");
    const auto nested =
        R"({"data":)" + replaced(small(), quoted + ":", quoted + ":\"x\",\"y\":") + "}";
    EXPECT_THAT(wrong(nested), StartsWith("data." + std::string(field) + ": expected "));
  }
  EXPECT_THAT(wrong(replaced(small(), "\"netuid\":1", "\"netuid\":65536")),
              StartsWith("netuid: expected integer from 0 to 65535"));
  EXPECT_THAT(wrong(replaced(small(), "\"block\":7", "\"block\":-7")),
              StartsWith("block: expected "));
  EXPECT_EQ(wrong(small("[true,1]")), "validatorPermit[1]: expected boolean, got number");
  EXPECT_EQ(wrong(small("[true,false]", "[1,\"2\"]")),
            "totalStake[1]: expected number, got string");
}

TEST(ParseMetagraph, RefusesStakesThatAreNone) {
  for (const char* stakes : {"[1,NaN]", "[1,1e999]", "[1,Infinity]", "[1,-1e999]"}) {
    EXPECT_NE(wrong(small("[true,false]", stakes)), "") << stakes;
  }
}

TEST(ParseMetagraph, RefusesListsOfDifferentLength) {
  EXPECT_EQ(wrong(small("[true]")), "validatorPermit has 1 members, and hotkeys 2");
  EXPECT_EQ(wrong(small("[true,false]", "[1,2,3]")), "totalStake has 3 members, and hotkeys 2");
  auto neurons = some_neurons(2);
  const auto coldkey = '"' + wire::encode_ss58(neurons[0].coldkey) + '"';
  const auto json = kami_answer(neurons);
  EXPECT_EQ(wrong(replaced(json, "\"coldkeys\":[" + coldkey + ",", "\"coldkeys\":[")),
            "coldkeys has 1 members, and hotkeys 2");
}

TEST(Metagraph, TakesAnEmptySlotForNobody) {
  auto neurons = some_neurons(9);
  neurons[2] = {2, {}, {}, true, 1e9};
  neurons[5].hotkey = {};
  const auto metagraph = parse_metagraph(kami_answer(neurons));
  ASSERT_TRUE(metagraph) << metagraph.error().message;
  EXPECT_EQ(metagraph->find({}), nullptr);
  EXPECT_EQ(metagraph->registered(), 7u);
  ASSERT_EQ(metagraph->neurons().size(), 9u);
  EXPECT_EQ(metagraph->find(key_of(8))->uid, 8) << "the others keep their uids";
  EXPECT_EQ(metagraph->mean_validator_stake(), 60) << "nobody has a stake";
  EXPECT_EQ(metagraph->set_aside(), "2 empty slots");
}

TEST(Metagraph, TakesADoubledHotkeyForNobodys) {
  auto neurons = some_neurons(9);
  neurons[7].hotkey = neurons[2].hotkey;
  neurons[8].hotkey = neurons[4].hotkey;
  neurons[6].hotkey = neurons[4].hotkey;
  const auto metagraph = parse_metagraph(kami_answer(neurons));
  ASSERT_TRUE(metagraph) << metagraph.error().message;
  EXPECT_EQ(metagraph->find(key_of(2)), nullptr);
  EXPECT_EQ(metagraph->find(key_of(4)), nullptr);
  EXPECT_EQ(metagraph->registered(), 4u);
  EXPECT_EQ(metagraph->find(key_of(5))->uid, 5);
  EXPECT_EQ(metagraph->mean_validator_stake(), 0);
  EXPECT_EQ(metagraph->set_aside(),
            "hotkey " + wire::encode_ss58(key_of(2)) + " at uid 2 and at 7 and 1 more");
}

TEST(ParseMetagraph, SetsANeuronAsideThatCannotBeRead) {
  const auto uid_2 = replaced(small(), wire::encode_ss58(key_of(2)), "5Fbad");
  const auto metagraph = parse_metagraph(uid_2);
  ASSERT_TRUE(metagraph) << metagraph.error().message;
  EXPECT_NE(metagraph->find(key_of(1)), nullptr);
  EXPECT_EQ(metagraph->set_aside(), "hotkeys[1] is no SS58 address");
  EXPECT_EQ(parse_metagraph(replaced(small(), wire::encode_ss58(key_of(3)), ""))->set_aside(),
            "coldkeys[0] is no SS58 address");
  EXPECT_EQ(parse_metagraph(small("[true,false]", "[1,-0.5]"))->set_aside(),
            "totalStake[1] is negative");
  EXPECT_EQ(wrong(small("[true,false]", "[-1,-0.5]")),
            "hotkeys: nobody is there: totalStake[0] is negative and 1 more");
}

TEST(ParseMetagraph, ReadsWhatWasSetAsideAgain) {
  auto neurons = some_neurons(9);
  neurons[2].hotkey = {};
  neurons[7].hotkey = neurons[3].hotkey;
  const auto before = parse_metagraph(kami_answer(neurons));
  ASSERT_TRUE(before);
  const auto after = parse_metagraph(*metagraph_json(*before));
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_EQ(after->set_aside(), before->set_aside());
  EXPECT_EQ(after->find(key_of(8))->uid, 8);
}

TEST(ParseMetagraph, PassesOverAByteOrderMark) {
  EXPECT_EQ(wrong("\xef\xbb\xbf" + small()), "");
}

TEST(ParseMetagraph, RefusesNoneAndTooMany) {
  EXPECT_EQ(wrong(kami_answer({})), "hotkeys: there is none");
  std::string permits = "[true";
  for (std::size_t i = 1; i <= kMostNeurons; ++i) permits += ",true";
  EXPECT_EQ(wrong(small(permits + "]")), "validatorPermit: has more than 65536 members");
}

TEST(ParseMetagraph, SaysWhatKamiSaidInstead) {
  EXPECT_EQ(wrong(R"({"statusCode":500,"error":"no connection to the chain"})"),
            "Kami answers 500: no connection to the chain");
  EXPECT_EQ(wrong(R"({"error":{"type":"SUBNET","message":"no subnet 52"}})"),
            "Kami answers: no subnet 52");
  EXPECT_EQ(wrong(R"({"statusCode":404,"message":"Not found"})"), "Kami answers 404: Not found");
  EXPECT_EQ(wrong(R"({"statusCode":503})"), "Kami answers 503: no word of why");
  EXPECT_EQ(wrong(R"({"error":{"code":3}})"), R"(Kami answers: {"code":3})");
  EXPECT_EQ(wrong(R"({"error":"a\nforged line"})"), "Kami answers: a forged line");
  EXPECT_EQ(wrong(R"({"error":")" + std::string(5'000, 'x') + R"("})").size(), 214u);
}

TEST(ParseMetagraph, DoesNotTakeAnEmptyErrorForOne) {
  for (const char* error : {"null", "\"\"", "false"}) {
    EXPECT_EQ(
        wrong(R"({"statusCode":200,"error":)" + std::string(error) + R"(,"data":)" + small() + "}"),
        "");
  }
}

TEST(ParseMetagraph, RefusesWhatIsNoJson) {
  for (const char* text : {"", "<html>", "[]", "5", "{", "null", "{}x"}) {
    EXPECT_NE(wrong(text), "") << text;
  }
  const auto whole = kami_answer(some_neurons(4));
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    EXPECT_NE(wrong(whole.substr(0, size)), "") << size;
  }
}

}  // namespace
}  // namespace dojo::policy
