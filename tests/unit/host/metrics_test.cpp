// What plugins count and observe, and what of it is shown.
#include "base/metrics.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dojo::base {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Metrics, CountsByPluginAndName) {
  Metrics metrics;
  metrics.count("a", "asked", 1);
  metrics.count("a", "asked", 2.5);
  metrics.count("b", "asked", 1);
  const auto text = metrics.text();
  EXPECT_THAT(text, HasSubstr("# TYPE dojo_plugin_asked counter\n"));
  EXPECT_THAT(text, HasSubstr("dojo_plugin_asked{plugin=\"a\"} 3.5\n"));
  EXPECT_THAT(text, HasSubstr("dojo_plugin_asked{plugin=\"b\"} 1\n"));
}

TEST(Metrics, ObservesIntoBuckets) {
  Metrics metrics;
  metrics.observe("a", "seconds", 0.003);
  metrics.observe("a", "seconds", 7);
  const auto text = metrics.text();
  EXPECT_THAT(text, HasSubstr("# TYPE dojo_plugin_seconds histogram\n"));
  EXPECT_THAT(text, HasSubstr("dojo_plugin_seconds_count{plugin=\"a\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("dojo_plugin_seconds_sum{plugin=\"a\"} 7.003"));
  EXPECT_THAT(text, HasSubstr("dojo_plugin_seconds_bucket{plugin=\"a\",le=\"0.0025\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("dojo_plugin_seconds_bucket{plugin=\"a\",le=\"0.005\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("dojo_plugin_seconds_bucket{plugin=\"a\",le=\"+Inf\"} 2\n"));
}

std::string dropped(const std::string& plugin, const std::string& reason, int times) {
  return "dojo_metrics_dropped_total{plugin=\"" + plugin + "\",reason=\"" + reason + "\"} " +
         std::to_string(times) + "\n";
}

TEST(Metrics, DropsWhatIsNoName) {
  Metrics metrics;
  for (const std::string name : {"", "a b", "a-b", "a\"} 1\nforged", "\xc3\xa9"}) {
    metrics.count("a", name, 1);
  }
  metrics.count("a", std::string(65, 'x'), 1);
  metrics.count("a", std::string(64, 'x'), 1);
  const auto text = metrics.text();
  EXPECT_THAT(text, HasSubstr(dropped("a", "name", 6)));
  EXPECT_THAT(text, Not(HasSubstr("forged")));
  EXPECT_THAT(text, HasSubstr(std::string(64, 'x') + "{"));
}

TEST(Metrics, DropsWhatIsNoAmount) {
  Metrics metrics;
  constexpr auto kInfinite = std::numeric_limits<double>::infinity();
  metrics.count("a", "n", -1);
  metrics.count("a", "n", std::nan(""));
  metrics.count("a", "n", kInfinite);
  metrics.observe("a", "h", std::nan(""));
  metrics.observe("a", "h", -kInfinite);
  metrics.observe("a", "h", -1);
  const auto text = metrics.text();
  EXPECT_THAT(text, HasSubstr(dropped("a", "value", 5)));
  EXPECT_THAT(text, Not(HasSubstr("dojo_plugin_n")));
  EXPECT_THAT(text, HasSubstr("dojo_plugin_h_sum{plugin=\"a\"} -1\n"));
}

TEST(Metrics, DropsThe65thOfAPlugin) {
  Metrics metrics;
  for (int i = 0; i < 70; ++i) metrics.count("a", "n" + std::to_string(i), 1);
  metrics.count("b", "other", 1);
  metrics.count("a", "n63", 1);
  const auto text = metrics.text();
  EXPECT_THAT(text, HasSubstr("dojo_plugin_n63{plugin=\"a\"} 2\n"));
  EXPECT_THAT(text, Not(HasSubstr("dojo_plugin_n64")));
  EXPECT_THAT(text, HasSubstr("dojo_plugin_other{plugin=\"b\"} 1\n"));
  EXPECT_THAT(text, HasSubstr(dropped("a", "limit", 6)));
}

TEST(Metrics, DropsANameOfAnotherKind) {
  Metrics metrics;
  metrics.count("a", "n", 1);
  metrics.observe("a", "n", 1);
  metrics.observe("b", "n", 1);
  metrics.observe("a", "h", 1);
  metrics.count("b", "h_count", 1);  // would be taken for a part of the histogram
  metrics.count("b", "x_sum", 1);
  metrics.observe("a", "x", 1);
  const auto text = metrics.text();
  EXPECT_THAT(text, HasSubstr("dojo_plugin_n{plugin=\"a\"} 1\n"));
  EXPECT_THAT(text, HasSubstr(dropped("a", "kind", 2)));
  EXPECT_THAT(text, HasSubstr(dropped("b", "kind", 2)));
  EXPECT_THAT(text, Not(HasSubstr("dojo_plugin_h_count{plugin=\"b\"")));
}

TEST(Metrics, KeepsItsOwnApartFromThePlugins) {
  Metrics metrics;
  metrics.count("a", "metrics_dropped_total", 1);
  metrics.count("a", "", 1);
  EXPECT_THAT(metrics.text(), HasSubstr("dojo_plugin_metrics_dropped_total{plugin=\"a\"} 1\n"));
  EXPECT_THAT(metrics.text(), HasSubstr(dropped("a", "name", 1)));
}

TEST(Metrics, CountsFromManyThreads) {
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&metrics, t] {
      for (int i = 0; i < 5000; ++i) {
        metrics.count("a", "n" + std::to_string(i % 80), 1);
        metrics.observe(t % 2 == 0 ? "b" : "c", "h", i);
        if (i % 1000 == 0) (void)metrics.text();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const auto text = metrics.text();
  EXPECT_THAT(text, HasSubstr("dojo_plugin_h_count{plugin=\"b\"} 10000\n"));
  double counted = 0;
  std::size_t names = 0;
  for (std::size_t at = 0; (at = text.find("\ndojo_plugin_n", at)) != std::string::npos; ++at) {
    counted += std::stod(text.substr(text.find("} ", at) + 2));
    ++names;
  }
  EXPECT_EQ(names, 64u);
  const auto limit = text.find("dojo_metrics_dropped_total{plugin=\"a\",reason=\"limit\"} ");
  ASSERT_NE(limit, std::string::npos);
  EXPECT_EQ(counted + std::stod(text.substr(text.find("} ", limit) + 2)), 20'000);
}

TEST(Metrics, ShowsHistogramsOfTheHosts) {
  constexpr auto kInfinity = std::numeric_limits<double>::infinity();
  Metrics metrics;
  metrics.show([=] {
    const Family::Sample sample{{{"stage", "queue"}}, 7.5, {{0.5, 2}, {2, 3}, {kInfinity, 1}}};
    return std::vector{Family{"t_seconds", "help", Family::Kind::histogram, {sample}}};
  });
  EXPECT_THAT(metrics.text(), HasSubstr("# TYPE t_seconds histogram\n"
                                        "t_seconds_count{stage=\"queue\"} 6\n"
                                        "t_seconds_sum{stage=\"queue\"} 7.5\n"
                                        "t_seconds_bucket{stage=\"queue\",le=\"0.5\"} 2\n"
                                        "t_seconds_bucket{stage=\"queue\",le=\"2\"} 5\n"
                                        "t_seconds_bucket{stage=\"queue\",le=\"+Inf\"} 6\n"));
}

}  // namespace
}  // namespace dojo::base
