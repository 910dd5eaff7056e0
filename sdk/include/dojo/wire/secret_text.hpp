// Texts that nobody else is to read: passwords, phrases, what keyfiles hold.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include <dojo/result.hpp>

namespace dojo::wire {

/// A secret text in pages of its own, which are kept out of swap and of core dumps as far as the
/// system lets us, and wiped when they go. It never grows, since growing would leave copies behind.
/// Moved, not copied. One thread at a time.
class SecretText {
 public:
  /// Empty, without room.
  SecretText() = default;
  /// Empty, with room for so many bytes. @throws std::bad_alloc
  explicit SecretText(std::size_t room);
  /// A copy. The caller wipes its own. @throws std::bad_alloc
  static SecretText copy_of(std::string_view text);

  SecretText(SecretText&& other) noexcept;
  SecretText& operator=(SecretText&& other) noexcept;
  ~SecretText() = default;

  [[nodiscard]] std::string_view view() const { return {memory_.get(), size_}; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::size_t room() const { return room_; }

  /// The text's bytes, which end with a zero that does not count. Null without room.
  char* data() { return memory_.get(); }
  /// Says how many bytes of data() are the text, at most room().
  void resize(std::size_t size);
  /// @return false, with nothing appended, if there is no room for it
  bool append(std::string_view text);
  /// Drops white space at both ends.
  void trim();

 private:
  struct Free {
    void operator()(char* memory) const;
  };
  std::unique_ptr<char, Free> memory_;
  std::size_t size_ = 0;
  std::size_t room_ = 0;
};

/// Reads a descriptor to its end, without a buffer in between. A byte order mark at the front is
/// left out. @param longest bytes @return an error without the text's words: it cannot be read, or
/// is longer
Result<SecretText> read_secret(int descriptor, std::size_t longest);

}  // namespace dojo::wire
