// What a Framer makes of some bytes, as text that can be compared. Shared by the unit tests and the
// fuzz target.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "net/framing.hpp"

namespace dojo::net {

struct Outcome {
  std::vector<std::string> events;  ///< one a head, request or refusal
  std::size_t most_held = 0;        ///< bytes of memory at the worst moment

  [[nodiscard]] std::size_t requests() const {
    std::size_t count = 0;
    for (const auto& event : events) count += event.starts_with("request") ? 1U : 0U;
    return count;
  }
};

inline std::string describe(const Head& head, const std::string& body, const Framing& framing) {
  std::string text = std::string(head.method()) + ' ' + std::string(head.target()) +
                     (framing.http11 ? " 1.1" : " 1.0") +
                     (framing.keep_alive ? " keep" : " close") +
                     (framing.expects_continue ? " expects" : "");
  for (std::size_t i = 0; i < head.size(); ++i) {
    text.append(" [").append(head[i].name).append(": ").append(head[i].value).append("]");
  }
  return text + " {" + body + "}";
}

/// Feeds the pieces one after the other, as a connection would.
inline Outcome feed(const std::vector<std::string_view>& pieces, const Limits& limits) {
  Framer framer(limits);
  Head head;
  Outcome outcome;
  for (std::string_view bytes : pieces) {
    for (bool more = true; more;) {
      switch (framer.next(bytes)) {
        case Framer::Event::need_more:
          more = false;
          break;
        case Framer::Event::head:
          head = framer.take_head();
          outcome.events.push_back("head " + std::string(head.target()));
          break;
        case Framer::Event::request: {
          const Framing framing = framer.framing();
          outcome.events.push_back("request " + describe(head, framer.take_body(), framing));
          break;
        }
        case Framer::Event::refused:
          outcome.events.push_back(std::to_string(framer.status()) + ' ' +
                                   std::string(framer.why()));
          return outcome;
      }
      outcome.most_held = std::max(outcome.most_held, framer.held());
    }
  }
  return outcome;
}

}  // namespace dojo::net
