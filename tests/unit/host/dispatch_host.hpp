// A dispatcher with the plugin that misbehaves in every way, and what it needs.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "host/support.hpp"
#include "pipeline/dispatch.hpp"
#include "pipeline/roster.hpp"

namespace dojo::test {

class DispatchHost : public testing::Test {
 protected:
  pipeline::Dispatcher& start(const std::string& config = "{}") {
    dispatcher = std::make_unique<pipeline::Dispatcher>(options, lines.log(), metrics, refusals);
    roster = std::make_unique<pipeline::Roster>(routes, *dispatcher);
    served = std::make_unique<Served>(*roster, *dispatcher, "test_behaviours", config, workers);
    return *dispatcher;
  }
  std::unique_ptr<pipeline::Call> call(const std::string& route, Inbox& inbox,
                                       std::string body = "{}") {
    auto made = std::make_unique<pipeline::Call>();
    made->terms.request_id = trace;
    made->caller.hotkey = "5Hotkey";
    made->caller.dialect = wire::Dialect::dojo1;
    made->route = routes.find("/" + route).value();
    made->peer = "127.0.0.1";
    made->body = std::move(body);
    made->times.received = made->times.admitted = std::chrono::steady_clock::now();
    made->waiting = inbox.end();
    return made;
  }

  pipeline::DispatchOptions options = [] {
    pipeline::DispatchOptions made;
    made.deadline = 60s;
    return made;
  }();
  unsigned workers = 4;
  std::string trace = "trace-1";
  Lines lines;
  admin::Metrics metrics;
  access::RefusalBook book;
  pipeline::Refusals refusals{lines.log(), book, [] { return access::WallTime(); }};
  pipeline::RouteTable routes;
  std::unique_ptr<pipeline::Dispatcher> dispatcher;
  std::unique_ptr<pipeline::Roster> roster;
  std::unique_ptr<Served> served;
};

}  // namespace dojo::test
