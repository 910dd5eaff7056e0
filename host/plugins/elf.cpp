#include "plugins/elf.hpp"

#include <cstdint>
#include <cstring>
#include <fstream>
#include <system_error>
#include <vector>

#include <elf.h>
#include <fmt/format.h>

namespace dojo::plugins {
namespace {

#if defined(__x86_64__)
constexpr Elf64_Half kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr Elf64_Half kMachine = EM_AARCH64;
#else
#error "which e_machine has this one?"
#endif

/// Whether [offset, offset + length) lies within `size` bytes.
bool within(std::uint64_t offset, std::uint64_t length, std::uint64_t size) {
  return offset <= size && length <= size - offset;
}

Status check_header(const Elf64_Ehdr& header) {
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return fail("it is no ELF file");
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
      header.e_machine != kMachine) {
    return fail("it was built for another kind of machine");
  }
  if (header.e_type != ET_DYN) return fail("it is no shared object");
  if (header.e_phentsize != sizeof(Elf64_Phdr))
    return fail("its program headers have another size");
  return {};
}

}  // namespace

Status check_elf(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) {
    return fail("it cannot be loaded: it is no regular file");
  }
  const auto size = std::filesystem::file_size(file, error);
  std::ifstream in(file, std::ios::binary);
  if (error || !in) return fail("it cannot be loaded: it cannot be read");

  Elf64_Ehdr header{};
  if (size < sizeof header || !in.read(reinterpret_cast<char*>(&header), sizeof header)) {
    return fail(fmt::format("it is no shared object: it has {} bytes", size));
  }
  if (auto status = check_header(header); !status) return status;
  const std::uint64_t table = std::uint64_t{header.e_phnum} * sizeof(Elf64_Phdr);
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  if (!within(header.e_phoff, table, size) ||
      !in.seekg(static_cast<std::streamoff>(header.e_phoff)) ||
      !in.read(reinterpret_cast<char*>(segments.data()), static_cast<std::streamsize>(table))) {
    return fail("it is cut short: its program headers are missing");
  }
  for (const auto& segment : segments) {
    if (segment.p_type == PT_LOAD && !within(segment.p_offset, segment.p_filesz, size)) {
      return fail(fmt::format("it is cut short: {} bytes of {}", size,
                              segment.p_offset + segment.p_filesz));
    }
  }
  return {};
}

}  // namespace dojo::plugins
