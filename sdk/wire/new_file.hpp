// Files that are there whole or not at all, and never take another one's place.
#pragma once

#include <filesystem>
#include <string_view>

#include <sys/types.h>
#include <unistd.h>

#include <dojo/result.hpp>

namespace dojo::wire {

/// Closes its descriptor when it goes.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  [[nodiscard]] int get() const { return number_; }

 private:
  int number_;
};

/// What is said of a file that is there.
inline constexpr char kFileExists[] = "exists already, and is never overwritten";

/// Writes beside the file, then gives it its name by link(2), which unlike rename(2) never replaces
/// one that is there. It outlives a power cut. @param mode its permissions, less the umask
/// @return an error that does not name the file
Status write_new_file(const std::filesystem::path& file, std::string_view text, mode_t mode);

}  // namespace dojo::wire
