#include "new_file.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>

#include "hex.hpp"

namespace dojo::wire {
namespace {

namespace fs = std::filesystem;

std::string reason(int error) {
  return std::generic_category().message(error);
}

/// Removes a file when the scope ends.
class RemoveLater {
 public:
  explicit RemoveLater(fs::path file) : file_(std::move(file)) {}
  ~RemoveLater() { ::unlink(file_.c_str()); }
  RemoveLater(const RemoveLater&) = delete;
  RemoveLater& operator=(const RemoveLater&) = delete;

 private:
  fs::path file_;
};

Status write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(descriptor, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(fmt::format("cannot be written: {}", reason(errno)));
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  if (::fsync(descriptor) != 0) return fail(reason(errno));
  return {};
}

}  // namespace

Status write_new_file(const fs::path& file, std::string_view text, mode_t mode) {
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  std::array<std::uint8_t, 8> random;
  randombytes_buf(random.data(), random.size());
  const fs::path draft =
      folder / fmt::format(".{}.{}.tmp", file.filename().string(), encode_hex(random));
  const Descriptor descriptor(
      ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
  if (descriptor.get() < 0) {
    return fail(fmt::format("cannot write to its folder: {}", reason(errno)));
  }
  const RemoveLater remove_draft(draft);
  if (auto written = write_all(descriptor.get(), text); !written) return written;
  if (::link(draft.c_str(), file.c_str()) != 0) {
    if (errno == EEXIST) return fail(kFileExists);
    return fail(fmt::format("cannot be named: {}", reason(errno)));
  }
  const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() >= 0) ::fsync(directory.get());  // the name, too, outlives a power cut
  return {};
}

}  // namespace dojo::wire
