#include <cassert>
#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include <dojo/wire/secret_text.hpp>

#include "secret.hpp"
#include "text/byte_order_mark.hpp"

namespace dojo::wire {

void SecretText::Free::operator()(char* memory) const {
  sodium_free(memory);  // wipes first
}

SecretText::SecretText(std::size_t room) : room_(room) {
  require_sodium();
  memory_.reset(static_cast<char*>(sodium_malloc(room + 1)));
  if (!memory_) throw std::bad_alloc();
  memory_.get()[0] = '\0';
}

SecretText SecretText::copy_of(std::string_view text) {
  SecretText copy(text.size());
  copy.append(text);
  return copy;
}

SecretText::SecretText(SecretText&& other) noexcept
    : memory_(std::move(other.memory_)),
      size_(std::exchange(other.size_, 0)),
      room_(std::exchange(other.room_, 0)) {}

SecretText& SecretText::operator=(SecretText&& other) noexcept {
  memory_ = std::move(other.memory_);
  size_ = std::exchange(other.size_, 0);
  room_ = std::exchange(other.room_, 0);
  return *this;
}

void SecretText::resize(std::size_t size) {
  assert(memory_ && size <= room_);
  size_ = size;
  memory_.get()[size] = '\0';
}

bool SecretText::append(std::string_view text) {
  if (text.size() > room_ - size_) return false;
  if (text.empty()) return true;
  std::memcpy(memory_.get() + size_, text.data(), text.size());
  resize(size_ + text.size());
  return true;
}

void SecretText::trim() {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  const auto begin = view().find_first_not_of(kSpace);
  if (begin == std::string_view::npos) {
    if (memory_) resize(0);
    return;
  }
  const auto size = view().find_last_not_of(kSpace) + 1 - begin;
  std::memmove(memory_.get(), memory_.get() + begin, size);
  resize(size);
}

Result<SecretText> read_secret(int descriptor, std::size_t longest) {
  SecretText text(longest + 1);  // one more, to see that there is more
  for (;;) {
    const auto size = text.view().size();
    const ssize_t count = ::read(descriptor, text.data() + size, text.room() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      return fail(fmt::format("cannot be read: {}", std::generic_category().message(errno)));
    }
    if (count == 0) break;
    text.resize(size + static_cast<std::size_t>(count));
    if (text.view().size() > longest) return fail(fmt::format("has over {} bytes", longest));
  }
  const auto behind = text::without_mark(text.view());
  if (behind.size() < text.view().size()) {
    std::memmove(text.data(), behind.data(), behind.size());
    text.resize(behind.size());
  }
  return text;
}

}  // namespace dojo::wire
