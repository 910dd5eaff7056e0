#include "policy/refusal_book.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <list>
#include <memory>
#include <mutex>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "wire/key_hash.hpp"

namespace dojo::policy {
namespace {

using Step = std::int64_t;  // ten minutes since the epoch

// Steps that are kept: the horizon, and the one that has begun.
constexpr Step kSteps = RefusalBook::kHorizon / RefusalBook::kStep + 1;
// Kinds of refusal of one subject. A caller who proves nothing can bring about half as many.
constexpr std::size_t kKinds = 16;
constexpr std::size_t kLongestRule = 128;  // bytes of what is kept of texts
constexpr std::size_t kLongestReason = 256;
constexpr std::size_t kLongestRoute = 128;

Step step_of(WallTime time) {
  return std::chrono::floor<std::chrono::minutes>(time).time_since_epoch() / RefusalBook::kStep;
}

/// At most so many bytes of a text; a character of UTF-8 is kept whole or not at all.
std::string_view cut(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  return text.substr(0, most);
}

/// How often, in each of the last steps.
class Counts {
 public:
  void add(Step now) {
    // A clock that is set back a little counts on in the last step; one that was wrong, anew.
    const auto newest = oldest_ + static_cast<Step>(counts_.size()) - 1;
    if (counts_.empty() || now >= newest + kSteps || now < newest - kSteps) {
      counts_.assign(1, 0);
      oldest_ = now;
    } else if (now > newest) {
      const auto gone = std::max<Step>(now - kSteps + 1 - oldest_, 0);
      counts_.erase(counts_.begin(), counts_.begin() + gone);
      oldest_ += gone;
      counts_.resize(static_cast<std::size_t>(now - oldest_ + 1));
    }
    if (counts_.back() != std::numeric_limits<std::uint32_t>::max()) ++counts_.back();
  }
  /// @param first set to the first step from `from` on that counts, if one does
  [[nodiscard]] std::uint64_t since(Step from, Step& first) const {
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      const auto step = oldest_ + static_cast<Step>(i);
      if (step < from || counts_[i] == 0) continue;
      if (total == 0) first = step;
      total += counts_[i];
    }
    return total;
  }
  void clear() { counts_.clear(); }

 private:
  Step oldest_ = 0;
  std::vector<std::uint32_t> counts_;
};

/// Refusals of one kind.
struct Kind {
  Code code = Code::internal;
  std::string rule;
  std::string reason;
  std::string route;
  Counts counts;
  WallTime first;
  WallTime last;

  void add(const RefusalNote& note, WallTime now) {
    if (first == WallTime()) first = now;
    last = now;
    reason.assign(cut(note.reason, kLongestReason));
    route.assign(cut(note.route, kLongestRoute));
    counts.add(step_of(now));
  }
};

/// What one hotkey or IP was refused. Kinds stand in the order of their last refusals.
class Subject {
 public:
  void add(const RefusalNote& note, WallTime now) {
    const auto rule = cut(note.rule, kLongestRule);
    const auto end = kinds_.begin() + static_cast<std::ptrdiff_t>(used_);
    auto kind = std::find_if(kinds_.begin(), end, [&](const Kind& other) {
      return other.code == note.code && other.rule == rule;
    });
    if (kind == end) {
      if (used_ < kKinds) {
        if (used_ == kinds_.size()) kinds_.emplace_back();
        ++used_;
      }
      kind =
          kinds_.begin() + static_cast<std::ptrdiff_t>(used_ - 1);  // the one longest ago, if full
      kind->code = note.code;
      kind->rule.assign(rule);
      kind->counts.clear();
      kind->first = WallTime();
    }
    kind->add(note, now);
    std::rotate(kinds_.begin(), kind, kind + 1);
  }
  void lines(Step from, std::vector<RefusalBook::Line>& out) const {
    for (std::size_t i = 0; i < used_; ++i) {
      const auto& kind = kinds_[i];
      Step first = 0;
      const auto count = kind.counts.since(from, first);
      if (count == 0) continue;
      const WallTime begins(first * RefusalBook::kStep);
      out.push_back({kind.code, kind.rule, kind.reason, kind.route, count,
                     std::max(kind.first, begins), kind.last});
    }
  }
  /// Forgets all, and keeps the memory for the next one.
  void clear() { used_ = 0; }

 private:
  std::vector<Kind> kinds_;
  std::size_t used_ = 0;
};

/// Subjects, so many at most: the one refused longest ago makes room.
template <class Key>
class Room {
 public:
  explicit Room(std::size_t most) : most_(std::max<std::size_t>(1, most)) {}

  void note(const Key& key, const RefusalNote& note, WallTime now) {
    const std::lock_guard lock(mutex_);
    auto found = subjects_.find(key);
    if (found == subjects_.end()) {
      found = subjects_.size() < most_ ? add(key) : replace(key);
    } else {
      order_.splice(order_.begin(), order_, found->second.at);
    }
    found->second.subject.add(note, now);
  }
  void lines(const Key& key, Step from, std::vector<RefusalBook::Line>& out) const {
    const std::lock_guard lock(mutex_);
    const auto found = subjects_.find(key);
    if (found != subjects_.end()) found->second.subject.lines(from, out);
  }

 private:
  struct Entry {
    Subject subject;
    typename std::list<Key>::iterator at;
  };
  using Subjects = std::unordered_map<Key, Entry, wire::KeyHash>;

  typename Subjects::iterator add(const Key& key) {
    order_.push_front(key);
    Entry entry;
    entry.at = order_.begin();
    return subjects_.emplace(key, std::move(entry)).first;
  }
  /// In the place of the one refused longest ago: a flood allocates nothing.
  typename Subjects::iterator replace(const Key& key) {
    auto node = subjects_.extract(order_.back());
    order_.splice(order_.begin(), order_, std::prev(order_.end()));
    order_.front() = key;
    node.key() = key;
    node.mapped().subject.clear();
    return subjects_.insert(std::move(node)).position;
  }

  const std::size_t most_;
  mutable std::mutex mutex_;
  Subjects subjects_;
  std::list<Key> order_;  // refused last first
};

/// Lines of one kind as one; most often first.
void merge(std::vector<RefusalBook::Line>& lines) {
  const auto kind = [](const RefusalBook::Line& line) { return std::tie(line.code, line.rule); };
  std::ranges::sort(lines, [&](const auto& a, const auto& b) {
    return kind(a) != kind(b) ? kind(a) < kind(b) : a.last > b.last;
  });
  std::vector<RefusalBook::Line> merged;
  for (auto& line : lines) {
    if (merged.empty() || kind(merged.back()) != kind(line)) {
      merged.push_back(std::move(line));
      continue;
    }
    auto& same = merged.back();
    same.count += line.count;
    same.first = std::min(same.first, line.first);
  }
  std::ranges::stable_sort(merged, [](const auto& a, const auto& b) { return a.count > b.count; });
  lines = std::move(merged);
}

}  // namespace

class RefusalBook::Impl {
 public:
  explicit Impl(std::size_t subjects) : known(subjects), invented(subjects), ips(subjects) {}
  Room<wire::PublicKey> known;
  Room<wire::PublicKey> invented;
  Room<base::IpAddress::Bytes> ips;
};

RefusalBook::RefusalBook(std::size_t subjects) : impl_(std::make_unique<Impl>(subjects)) {}
RefusalBook::~RefusalBook() = default;

void RefusalBook::note(const RefusalNote& note, WallTime now) noexcept {
  try {
    if (note.hotkey != nullptr)
      (note.known ? impl_->known : impl_->invented).note(*note.hotkey, note, now);
    if (note.ip != nullptr) impl_->ips.note(note.ip->owner(), note, now);
  } catch (...) {  // NOLINT(bugprone-empty-catch) no memory: a line less in the book
  }
}

std::vector<RefusalBook::Line> RefusalBook::of(const wire::PublicKey& hotkey,
                                               std::chrono::seconds last, WallTime now) const {
  std::vector<Line> lines;
  const auto from = step_of(now - std::clamp<std::chrono::seconds>(last, {}, kHorizon));
  impl_->known.lines(hotkey, from, lines);
  impl_->invented.lines(hotkey, from, lines);
  merge(lines);
  return lines;
}

std::vector<RefusalBook::Line> RefusalBook::of(const base::IpAddress& ip, std::chrono::seconds last,
                                               WallTime now) const {
  std::vector<Line> lines;
  impl_->ips.lines(ip.owner(), step_of(now - std::clamp<std::chrono::seconds>(last, {}, kHorizon)),
                   lines);
  merge(lines);
  return lines;
}

}  // namespace dojo::policy
