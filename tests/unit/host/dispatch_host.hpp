// A dispatcher with the plugin that misbehaves in every way, and what it needs.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "host/made_head.hpp"
#include "host/support.hpp"
#include "request/crews.hpp"
#include "request/dispatch.hpp"

namespace dojo::test {

class DispatchHost : public testing::Test {
 public:
  request::Dispatcher& start(const std::string& config = "{}") {
    dispatcher = std::make_unique<request::Dispatcher>(options, lines.log(), metrics, refusals);
    roster = std::make_unique<request::Crews>(routes, *dispatcher);
    served = std::make_unique<Served>(*roster, *dispatcher, "test_behaviours", config, workers);
    return *dispatcher;
  }
  /// A request that has been admitted, with its body.
  request::ExchangePtr call(const std::string& route, Inbox& inbox, std::string body = "{}") {
    auto made = inbox.exchange();
    made->head = make_head("POST", "/" + route, std::map<std::string, std::string>());
    made->terms.request_id = trace;
    made->claim.caller.hotkey = "5Hotkey";
    made->claim.caller.dialect = wire::Dialect::dojo1;
    made->known = true;
    made->peer = "127.0.0.1";
    made->body = std::move(body);
    made->times.received = made->times.admitted = std::chrono::steady_clock::now();
    dispatcher->begin(*made, routes.find("/" + route).value());
    return made;
  }
  /// As many callers as are to wait at once.
  std::deque<Inbox> inboxes_for(std::size_t count) {
    std::deque<Inbox> made;
    for (std::size_t i = 0; i < count; ++i) made.emplace_back(*this);
    return made;
  }
  // For the inboxes: there may be no dispatcher yet, or another one.
  void on_deadline(request::Exchange& exchange) { dispatcher->on_deadline(exchange); }
  void on_gone(request::Exchange& exchange) { dispatcher->on_gone(exchange); }

  request::DispatchOptions options = [] {
    request::DispatchOptions made;
    made.deadline = 60s;
    return made;
  }();
  unsigned workers = 4;
  std::string trace = "trace-1";
  Lines lines;
  base::Metrics metrics;
  policy::RefusalBook book;
  request::Refusals refusals{lines.log(), book, [] { return policy::WallTime(); }};
  request::RouteTable routes;
  std::unique_ptr<request::Dispatcher> dispatcher;
  std::unique_ptr<request::Crews> roster;
  std::unique_ptr<Served> served;
};

}  // namespace dojo::test
