#include "plugins/abi/elf_names.hpp"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.hpp"

namespace dojo::plugins {
namespace {

constexpr std::uint64_t kMostRows = 4096;  // of the dynamic section, and of versions
constexpr std::uint64_t kMostStrings = std::uint64_t{64} << 20;
constexpr std::uint64_t kPage = 4096;
constexpr char kBroken[] = "its dynamic section is broken";

template <class T>
std::span<char> bytes_of(T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  return {reinterpret_cast<char*>(&value), sizeof value};
}
template <class T>
std::span<char> bytes_of(std::vector<T>& rows) {
  return {reinterpret_cast<char*>(rows.data()), rows.size() * sizeof(T)};
}

bool read_at(int fd, std::uint64_t offset, std::span<char> into) {
  while (!into.empty()) {
    const auto got = pread(fd, into.data(), into.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    into = into.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return true;
}

Status write_at(int fd, std::uint64_t offset, std::span<const char> from) {
  while (!from.empty()) {
    const auto put = pwrite(fd, from.data(), from.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return fail("it cannot be copied: " + base::why());
    from = from.subspan(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
  return {};
}

std::uint64_t round_up(std::uint64_t value, std::uint64_t to) {
  return (value + to - 1) / to * to;
}

/// Whether `offset` and `length` are such that their sum says something.
bool sane(std::uint64_t offset, std::uint64_t length, std::uint64_t end) {
  return offset <= end && length <= end - offset;
}

/// A file's headers and dynamic section, in memory.
class Dynamic {
 public:
  static Result<Dynamic> read(int fd) {
    Dynamic file(fd);
    if (!file.read_headers() || !file.read_rows()) return fail(kBroken);
    return file;
  }

  [[nodiscard]] ElfNames names() const {
    ElfNames names;
    for (const auto& row : rows_) {
      if (row.d_tag == DT_NEEDED) names.needed.emplace_back(text(row.d_un.d_val));
      if (row.d_tag == DT_SONAME) names.soname = text(row.d_un.d_val);
      if (row.d_tag == DT_RPATH) names.rpath = text(row.d_un.d_val);
      if (row.d_tag == DT_RUNPATH) names.runpath = text(row.d_un.d_val);
    }
    return names;
  }

  Status rename(const ElfRenaming& renaming) {
    auto status = rename_versions(renaming);
    for (auto& row : rows_) rename_row(renaming, row);
    return status ? move_to_the_end() : status;
  }

 private:
  explicit Dynamic(int fd) : fd_(fd) {}

  bool read_headers() {
    struct stat found{};
    if (fstat(fd_, &found) != 0) return false;
    size_ = static_cast<std::uint64_t>(found.st_size);
    if (!read_at(fd_, 0, bytes_of(header_)) || header_.e_phentsize != sizeof(Elf64_Phdr)) {
      return false;
    }
    segments_.resize(header_.e_phnum);
    return header_.e_phoff < size_ && read_at(fd_, header_.e_phoff, bytes_of(segments_));
  }

  bool read_rows() {
    const auto dynamic = std::ranges::find(segments_, PT_DYNAMIC, &Elf64_Phdr::p_type);
    if (dynamic == segments_.end() || !sane(dynamic->p_offset, dynamic->p_filesz, size_)) {
      return false;
    }
    rows_at_ = dynamic->p_offset;
    rows_.resize(std::min(dynamic->p_filesz / sizeof(Elf64_Dyn), kMostRows));
    if (!read_at(fd_, rows_at_, bytes_of(rows_))) return false;
    rows_.erase(std::ranges::find(rows_, DT_NULL, &Elf64_Dyn::d_tag), rows_.end());
    const auto* const table = row(DT_STRTAB);
    const auto* const size = row(DT_STRSZ);
    if (table == nullptr || size == nullptr || size->d_un.d_val > kMostStrings) return false;
    strings_address_ = table->d_un.d_ptr;
    const auto at = offset_of(strings_address_);
    if (!at || !sane(*at, size->d_un.d_val, size_)) return false;
    strings_.resize(size->d_un.d_val);
    return read_at(fd_, *at, strings_);
  }

  [[nodiscard]] const Elf64_Dyn* row(std::int64_t tag) const {
    const auto found = std::ranges::find(rows_, tag, &Elf64_Dyn::d_tag);
    return found == rows_.end() ? nullptr : &*found;
  }
  [[nodiscard]] std::optional<std::uint64_t> offset_of(std::uint64_t address) const {
    for (const auto& segment : segments_) {
      if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
          address - segment.p_vaddr < segment.p_filesz &&
          sane(segment.p_offset, segment.p_filesz, size_)) {
        return segment.p_offset + (address - segment.p_vaddr);
      }
    }
    return std::nullopt;
  }
  [[nodiscard]] std::string text(std::uint64_t at) const {
    if (at >= strings_.size()) return {};
    const auto rest = std::string_view(strings_).substr(at);
    return std::string(rest.substr(0, rest.find('\0')));
  }
  /// @return where it stands now
  std::uint64_t add(const std::string& text) {
    const auto at = strings_.size();
    strings_ += text + '\0';
    return at;
  }

  void rename_row(const ElfRenaming& renaming, Elf64_Dyn& row) {
    const auto becomes = [&](std::int64_t tag, const std::optional<std::string>& name) {
      if (row.d_tag == tag && name) row.d_un.d_val = add(*name);
    };
    becomes(DT_SONAME, renaming.soname);
    becomes(DT_RPATH, renaming.rpath);
    becomes(DT_RUNPATH, renaming.runpath);
    if (row.d_tag != DT_NEEDED) return;
    const auto found = renaming.needed.find(text(row.d_un.d_val));
    if (found != renaming.needed.end()) row.d_un.d_val = add(found->second);
  }

  /// The loader looks for the library that is to have a version by the name that stands there.
  Status rename_versions(const ElfRenaming& renaming) {
    const auto* const table = row(DT_VERNEED);
    if (table == nullptr) return {};
    auto at = offset_of(table->d_un.d_ptr);
    for (std::uint64_t i = 0; at && i < kMostRows; ++i) {
      Elf64_Verneed version{};
      if (!read_at(fd_, *at, bytes_of(version))) return fail(kBroken);
      const auto found = renaming.needed.find(text(version.vn_file));
      if (found != renaming.needed.end()) {
        version.vn_file = static_cast<Elf64_Word>(add(found->second));
        if (auto status = write_at(fd_, *at, bytes_of(version)); !status) return status;
      }
      if (version.vn_next == 0) return {};
      *at += version.vn_next;
    }
    return fail(kBroken);
  }

  Status move_to_the_end() {
    const auto last = std::ranges::max_element(segments_, {}, [](const Elf64_Phdr& segment) {
      return segment.p_type == PT_LOAD ? segment.p_vaddr + 1 : 0;
    });
    const auto align = std::max<std::uint64_t>(last->p_align, kPage);
    if (last->p_type != PT_LOAD || last->p_memsz < last->p_filesz || align % kPage != 0 ||
        last->p_memsz > kMostMoved || align > kMostMoved ||
        !sane(last->p_vaddr, last->p_memsz, UINT64_MAX / 2) ||
        !sane(last->p_offset, last->p_filesz, size_)) {
      return fail(kBroken);
    }
    const auto old = *last;
    const auto moved = round_up(size_, align) + old.p_vaddr % align;
    const auto room = round_up(old.p_memsz, sizeof(std::uint64_t));
    for (auto& row : rows_) {
      if (row.d_tag == DT_STRTAB) row.d_un.d_ptr = old.p_vaddr + room;
      if (row.d_tag == DT_STRSZ) row.d_un.d_val = strings_.size();
    }
    auto status = write_at(fd_, rows_at_, bytes_of(rows_));
    if (status) status = copy_bytes(old.p_offset, old.p_filesz, moved);
    if (status) status = write_at(fd_, moved + room, strings_);
    if (status) status = write_sections(old, moved, room);
    if (!status) return status;
    for (auto& segment : segments_) {
      if (segment.p_type != PT_LOAD && is_in(old, segment.p_vaddr)) {
        segment.p_offset += moved - old.p_offset;
      }
    }
    last->p_offset = moved;
    last->p_filesz = last->p_memsz = room + strings_.size();
    return write_at(fd_, header_.e_phoff, bytes_of(segments_));
  }

  Status copy_bytes(std::uint64_t from, std::uint64_t count, std::uint64_t to) const {
    std::vector<char> block(std::min(count, kBlock));
    while (count > 0) {
      const auto part = std::span(block).first(std::min(count, kBlock));
      if (!read_at(fd_, from, part)) return fail(kBroken);
      if (auto status = write_at(fd_, to, part); !status) return status;
      from += part.size();
      to += part.size();
      count -= part.size();
    }
    return {};
  }

  /// For those that look at a file by its sections, as libelf does. The loader does not.
  Status write_sections(const Elf64_Phdr& old, std::uint64_t moved, std::uint64_t room) const {
    if (header_.e_shoff == 0 || header_.e_shentsize != sizeof(Elf64_Shdr)) return {};
    std::vector<Elf64_Shdr> sections(header_.e_shnum);
    if (header_.e_shoff >= size_ || !read_at(fd_, header_.e_shoff, bytes_of(sections))) return {};
    for (auto& section : sections) {
      if ((section.sh_flags & SHF_ALLOC) == 0) continue;
      if (section.sh_type == SHT_STRTAB && section.sh_addr == strings_address_) {
        section.sh_addr = old.p_vaddr + room;
        section.sh_offset = moved + room;
        section.sh_size = strings_.size();
      } else if (is_in(old, section.sh_addr)) {
        section.sh_offset += moved - old.p_offset;
      }
    }
    return write_at(fd_, header_.e_shoff, bytes_of(sections));
  }

  static bool is_in(const Elf64_Phdr& segment, std::uint64_t address) {
    return address >= segment.p_vaddr && address - segment.p_vaddr < segment.p_memsz;
  }

  static constexpr std::uint64_t kBlock = std::uint64_t{1} << 20;
  static constexpr std::uint64_t kMostMoved = std::uint64_t{1} << 40;  // bytes, most of them a hole

  int fd_;
  std::uint64_t size_ = 0;
  Elf64_Ehdr header_{};
  std::vector<Elf64_Phdr> segments_;
  std::vector<Elf64_Dyn> rows_;
  std::uint64_t rows_at_ = 0;  // in the file
  std::uint64_t strings_address_ = 0;
  std::string strings_;
};

}  // namespace

Result<ElfNames> read_elf_names(int fd) {
  const auto file = Dynamic::read(fd);
  if (!file) return Unexpected(file.error());
  return file->names();
}

Status rename_in_elf(int fd, const ElfRenaming& renaming) {
  auto file = Dynamic::read(fd);
  if (!file) return Unexpected(file.error());
  return file->rename(renaming);
}

}  // namespace dojo::plugins
