#include "policy/rules/rulebook.hpp"

#include <algorithm>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/files.hpp"
#include "text/byte_order_mark.hpp"

namespace dojo::policy {
namespace {

constexpr char kFile[] = "rules.json";

bool run_out(const Rule& rule, WallTime now) {
  return rule.until && now >= *rule.until;
}

Status check_new(const Rule& rule, WallTime now) {
  if (run_out(rule, now)) return fail("the rule's time is over already");
  if (rule.note.size() > Rulebook::kLongestNote) {
    return fail(fmt::format("the note is longer than {} bytes", Rulebook::kLongestNote));
  }
  if (std::ranges::any_of(rule.routes, [](const std::string& route) {
        return route.size() > Rulebook::kLongestNote;
      })) {
    return fail(fmt::format("a route is longer than {} bytes", Rulebook::kLongestNote));
  }
  return {};
}

}  // namespace

Rulebook::Rulebook(RuleOptions of_config, std::filesystem::path folder, base::Descriptor opened,
                   std::function<WallTime()> now)
    : folder_(std::move(folder)),
      opened_(std::move(opened)),
      now_(std::move(now)),
      of_config_(std::move(of_config)),
      in_force_(std::make_shared<const InForce>()) {}

Result<std::unique_ptr<Rulebook>> Rulebook::open(RuleOptions of_config,
                                                 const std::filesystem::path& state,
                                                 std::function<WallTime()> now) {
  auto folder = state / "access";
  auto opened = base::open_private_folder(folder);
  if (!opened) return Unexpected(opened.error());
  std::unique_ptr<Rulebook> book(
      new Rulebook(std::move(of_config), std::move(folder), std::move(*opened), std::move(now)));
  if (auto status = book->take_saved(); !status) return Unexpected(status.error());
  book->put_in_force();
  return book;
}

Status Rulebook::take_saved() {
  if (faccessat(opened_.get(), kFile, F_OK, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT) return {};
  const auto text = base::read_small(opened_.get(), kFile, kLongestFile);
  auto saved =
      text ? parse_rules(text::without_mark(*text)) : Result<SavedRules>(Unexpected(text.error()));
  if (!saved) {
    return fail(fmt::format("{}: {}; mend it, or move it away to start without the rules in it",
                            (folder_ / kFile).string(), saved.error().message));
  }
  made_ = std::move(saved->rules);
  next_ = saved->next;
  return {};
}

void Rulebook::apply(RuleOptions of_config) {
  const std::lock_guard change(changing_);
  of_config_ = std::move(of_config);
  put_in_force();
}

Result<std::string> Rulebook::add(Rule rule) {
  const std::lock_guard change(changing_);
  if (auto status = check_new(rule, now_()); !status) return Unexpected(status.error());
  auto made = not_run_out();
  if (made.size() >= kMostRules) {
    return fail(
        fmt::format("there are {} rules made at run time, and no more are kept: remove some, "
                    "or put them into the config",
                    kMostRules));
  }
  rule.name = fmt::format("ctl-{}", next_);
  auto name = rule.name;
  made.insert(made.begin(), std::move(rule));
  if (auto status = keep(made, next_ + 1); !status) return Unexpected(status.error());
  made_ = std::move(made);
  ++next_;
  put_in_force();
  return name;
}

Status Rulebook::remove(const std::string& name) {
  const std::lock_guard change(changing_);
  auto made = not_run_out();
  if (std::erase_if(made, [&](const Rule& rule) { return rule.name == name; }) == 0) {
    const bool of_config =
        std::ranges::find(of_config_.rules, name, &Rule::name) != of_config_.rules.end();
    return fail(of_config ? fmt::format("{} is a rule of the config's: change it there", name)
                          : fmt::format("there is no rule {}", name));
  }
  if (auto status = keep(made, next_); !status) return status;
  made_ = std::move(made);
  put_in_force();
  return {};
}

std::vector<Rulebook::Row> Rulebook::list() const {
  const auto now = now_();
  const auto& [rules, made] = in_force_.read();
  const auto& all = rules->options().rules;
  std::vector<Row> rows;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (run_out(all[i], now)) continue;
    rows.push_back({all[i], rules->count(i).matched, i >= made});
  }
  return rows;
}

std::vector<Rule> Rulebook::not_run_out() const {
  std::vector<Rule> made;
  std::ranges::remove_copy_if(made_, std::back_inserter(made),
                              [now = now_()](const Rule& rule) { return run_out(rule, now); });
  return made;
}

Status Rulebook::keep(const std::vector<Rule>& made, std::uint64_t next) const {
  const auto text = rules_json({next, made});
  if (!text) return Unexpected(text.error());
  if (auto status = base::write_atomically(opened_.get(), kFile, *text); !status) {
    return fail(fmt::format("{}: {}", folder_.string(), status.error().message));
  }
  return {};
}

void Rulebook::put_in_force() {
  auto options = of_config_;
  auto made = not_run_out();
  const auto count = made.size();
  options.rules.insert(options.rules.begin(), std::make_move_iterator(made.begin()),
                       std::make_move_iterator(made.end()));
  auto rules = std::make_shared<const RuleSet>(std::move(options), in_force_.read().rules.get());
  in_force_.publish(std::make_shared<const InForce>(InForce{std::move(rules), count}));
}

}  // namespace dojo::policy
