#include "plugins/run/output.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace dojo::plugins {

void Output::add(std::string_view bytes, std::chrono::seconds now) {
  for (auto end = bytes.find('\n'); end != std::string_view::npos; end = bytes.find('\n')) {
    take(bytes.substr(0, end));
    end_line(now);
    bytes.remove_prefix(end + 1);
  }
  take(bytes);
}

void Output::end() {
  if (!line_.empty()) end_line(second_);
  tell_of_left_out();
}

void Output::take(std::string_view piece) {
  const auto fits = piece.substr(0, std::min(piece.size(), kLongestLine - line_.size()));
  line_ += fits;
  cut_ += piece.size() - fits.size();
}

void Output::end_line(std::chrono::seconds now) {
  auto line = std::exchange(line_, {});
  const auto cut = std::exchange(cut_, 0);
  if (line.empty()) return;
  if (now != second_) {
    tell_of_left_out();
    second_ = now;
    lines_ = 0;
  }
  if (++lines_ > kLinesPerSecond) {
    ++left_out_;
    return;
  }
  if (cut != 0) line += fmt::format(" ({} bytes more)", cut);
  tell_(line);
}

void Output::tell_of_left_out() {
  if (left_out_ == 0) return;
  tell_(fmt::format("(lines left out: {})", std::exchange(left_out_, 0)));
}

}  // namespace dojo::plugins
