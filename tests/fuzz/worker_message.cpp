// What a worker process sends: it may be anything. What is accepted must lie within what came, and
// say the same when it is written anew.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "plugins/abi/tables.hpp"
#include "plugins/run/lane.hpp"
#include "plugins/run/worker_messages.hpp"

namespace {

using namespace dojo::plugins;

void require(bool holds) {
  if (!holds) std::abort();
}

void within(const Message& message, std::string_view bytes) {
  const auto* at = bytes.data();
  for (const auto text : message.texts) {
    require(text.data() == at);
    at += text.size();
  }
  require(at == bytes.data() + bytes.size());
}

void same(const Message& message, const Message& again, std::size_t numbers, std::size_t texts) {
  require(message.kind == again.kind);
  for (std::size_t i = 0; i < numbers; ++i) require(message.numbers[i] == again.numbers[i]);
  for (std::size_t i = 0; i < texts; ++i) require(message.texts[i] == again.texts[i]);
}

void read(const Message& message) {
  switch (message.kind) {
    case MessageKind::answer:
      if (const auto answer = answer_of(message)) {
        require(answer->id != 0 && is_answer_status(answer->status, true));
        same(message, message_of(*answer), 2, 4);
      }
      break;
    case MessageKind::verdict:
      if (const auto verdict = verdict_of(message)) {
        require(verdict->priority >= -1000 && verdict->priority <= 1000);
        const auto again = verdict_of(message_of(*verdict));
        require(again && again->code == verdict->code && again->priority == verdict->priority &&
                again->reason == verdict->reason);
      }
      break;
    case MessageKind::route:
      if (const auto route = route_of(message)) {
        same(message, message_of(*route), 4, 6);
        (void)check_route(*route, {});
      }
      break;
    case MessageKind::log:
    case MessageKind::count:
    case MessageKind::observe:
      if (const auto note = note_of(message)) {
        require(message_of(message.kind, *note).numbers[0] == message.numbers[0]);
      }
      break;
    case MessageKind::done:
      if (const auto outcome = outcome_of(message)) same(message, message_of(*outcome), 2, 1);
      break;
    case MessageKind::opened:
      (void)check_name(message.texts[0]);
      break;
    default:
      break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Parcel parcel;
  if (read_packet(bytes, parcel)) {
    if (const auto message = slice(parcel.header, parcel.texts)) {
      within(*message, parcel.texts);
      read(*message);
    }
  }
  // The same, as if what follows the header had come in a memory file.
  if (size < sizeof(Header)) return 0;
  std::memcpy(&parcel.header, data, sizeof(Header));
  const auto texts = bytes.substr(sizeof(Header));
  if (const auto message = slice(parcel.header, texts)) {
    within(*message, texts);
    read(*message);
  }
  return 0;
}
