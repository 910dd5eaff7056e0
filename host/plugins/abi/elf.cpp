#include "plugins/abi/elf.hpp"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <system_error>

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gelf.h>
#include <libelf.h>

#include <dojo/names.hpp>
#include <dojo/plugin.h>

#include "base/descriptor.hpp"

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

constexpr char kNoteOwner[] = "dojo";
constexpr char kNoteSection[] = ".note.dojo";
constexpr char kGoSection[] = ".go.buildinfo";
constexpr char kEntry[] = "dojo_plugin_entry";
constexpr std::size_t kNoteBytes = sizeof(dojo_note) - offsetof(dojo_note, abi_major);
constexpr std::uint64_t kMostNotes = 1 << 20;  // bytes of one segment of them
constexpr std::size_t kMostNeeded = 64;
constexpr std::size_t kMostUnique = 4;
constexpr std::size_t kLongestSymbol = 200;

struct EndElf {
  void operator()(Elf* elf) const { elf_end(elf); }
};
using ElfFile = std::unique_ptr<Elf, EndElf>;

/// A text of libelf's, which has checked that it ends within its table.
std::string shorten(const char* text) {
  return text == nullptr ? std::string() : std::string(text, strnlen(text, kLongestSymbol));
}

/// Takes the plugin's note out of a run of notes, if it is among them.
void read_notes(Elf_Data* data, ElfFacts& facts) {
  if (data == nullptr) return;
  GElf_Nhdr header{};
  std::size_t name = 0;
  std::size_t description = 0;
  const auto* bytes = static_cast<const char*>(data->d_buf);
  for (std::size_t at = 0; !facts.note;) {
    at = gelf_getnote(data, at, &header, &name, &description);
    if (at == 0) return;
    if (header.n_type != DOJO_NOTE_TYPE || header.n_namesz != sizeof kNoteOwner ||
        header.n_descsz < kNoteBytes || !within(name, sizeof kNoteOwner, data->d_size) ||
        !within(description, kNoteBytes, data->d_size) ||
        std::memcmp(bytes + name, kNoteOwner, sizeof kNoteOwner) != 0) {
      continue;
    }
    const char* const fields = bytes + description;
    std::memcpy(&facts.abi_major, fields, sizeof facts.abi_major);
    std::memcpy(&facts.abi_minor, fields + sizeof facts.abi_major, sizeof facts.abi_minor);
    const char* const plugin = fields + sizeof facts.abi_major + sizeof facts.abi_minor;
    facts.name.assign(plugin, strnlen(plugin, sizeof(dojo_note::plugin) - 1));
    facts.note = true;
  }
}

/// Where the loader would look: in the segments. They survive strip, as sections need not.
Status read_segments(Elf* elf, ElfFacts& facts) {
  std::size_t count = 0;
  if (elf_getphdrnum(elf, &count) != 0) return fail("its program headers cannot be read");
  facts.executable_stack = true;  // what the loader takes for granted
  for (std::size_t i = 0; i < count; ++i) {
    GElf_Phdr segment{};
    if (gelf_getphdr(elf, static_cast<int>(i), &segment) == nullptr) continue;
    if (segment.p_type == PT_GNU_STACK) facts.executable_stack = (segment.p_flags & PF_X) != 0;
    if (facts.note || segment.p_type != PT_NOTE || segment.p_filesz > kMostNotes) continue;
    const auto type = segment.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR;
    read_notes(elf_getdata_rawchunk(elf, static_cast<std::int64_t>(segment.p_offset),
                                    segment.p_filesz, type),
               facts);
  }
  return {};
}

void read_dynamic(Elf* elf, Elf_Data* data, std::size_t strings, ElfFacts& facts) {
  GElf_Dyn row{};
  for (int i = 0; gelf_getdyn(data, i, &row) != nullptr && row.d_tag != DT_NULL; ++i) {
    if (row.d_tag == DT_FLAGS) facts.static_tls = (row.d_un.d_val & DF_STATIC_TLS) != 0;
    if (row.d_tag == DT_FLAGS_1) facts.nodelete = (row.d_un.d_val & DF_1_NODELETE) != 0;
    if (row.d_tag == DT_NEEDED && facts.needed.size() < kMostNeeded) {
      facts.needed.push_back(shorten(elf_strptr(elf, strings, row.d_un.d_val)));
    }
  }
}

void read_symbols(Elf* elf, Elf_Data* data, std::size_t strings, ElfFacts& facts) {
  GElf_Sym symbol{};
  for (int i = 0; gelf_getsym(data, i, &symbol) != nullptr; ++i) {
    if (symbol.st_shndx == SHN_UNDEF) continue;
    const bool unique = GELF_ST_BIND(symbol.st_info) == STB_GNU_UNIQUE;
    const auto* name = elf_strptr(elf, strings, symbol.st_name);
    if (name == nullptr) continue;
    if (unique && facts.unique_symbols.size() < kMostUnique) {
      facts.unique_symbols.push_back(shorten(name));
    }
    facts.entry = facts.entry || std::strcmp(name, kEntry) == 0;
  }
}

Status read_sections(Elf* elf, ElfFacts& facts) {
  std::size_t names = 0;
  if (elf_getshdrstrndx(elf, &names) != 0) return fail("its section headers cannot be read");
  bool symbols = false;
  for (Elf_Scn* section = elf_nextscn(elf, nullptr); section != nullptr;
       section = elf_nextscn(elf, section)) {
    GElf_Shdr header{};
    if (gelf_getshdr(section, &header) == nullptr) continue;
    const auto* name = elf_strptr(elf, names, header.sh_name);
    facts.go = facts.go || (name != nullptr && std::strcmp(name, kGoSection) == 0);
    const bool note = header.sh_type == SHT_NOTE || header.sh_type == SHT_PROGBITS;
    if (note && name != nullptr && std::strcmp(name, kNoteSection) == 0 && !facts.note) {
      read_notes(
          elf_getdata_rawchunk(elf, static_cast<std::int64_t>(header.sh_offset),
                               std::min<std::uint64_t>(header.sh_size, kMostNotes), ELF_T_NHDR),
          facts);
    }
    if (header.sh_type != SHT_DYNAMIC && header.sh_type != SHT_DYNSYM) continue;
    Elf_Data* const data = elf_getdata(section, nullptr);
    if (data == nullptr) return fail("it is broken: its dynamic section or symbols lie outside it");
    if (header.sh_type == SHT_DYNAMIC) read_dynamic(elf, data, header.sh_link, facts);
    if (header.sh_type == SHT_DYNSYM) {
      symbols = true;
      read_symbols(elf, data, header.sh_link, facts);
    }
  }
  if (!symbols) {
    return fail("it cannot be checked: its section headers are missing. Use strip, not sstrip");
  }
  return {};
}

}  // namespace

Result<ElfFacts> inspect_elf(const std::filesystem::path& file) {
  if (auto whole = check_elf(file); !whole) return Unexpected(whole.error());
  elf_version(EV_CURRENT);
  const base::Descriptor in(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  const ElfFile elf(in ? elf_begin(in.get(), ELF_C_READ, nullptr) : nullptr);
  if (!elf || elf_kind(elf.get()) != ELF_K_ELF) return fail("it cannot be read as an ELF file");
  ElfFacts facts;
  if (auto status = read_segments(elf.get(), facts); !status) {
    return Unexpected(status.error());
  }
  if (auto status = read_sections(elf.get(), facts); !status) {
    return Unexpected(status.error());
  }
  return facts;
}

std::vector<std::string> loading_faults(const ElfFacts& facts) {
  std::vector<std::string> found;
  if (!facts.entry) {
    found.emplace_back("it is no plugin: it does not export dojo_plugin_entry (see DOJO_PLUGIN)");
  }
  if (!facts.note) {
    found.emplace_back(
        "it has no note that says which plugin it is: write it with DOJO_PLUGIN, or with DOJO_NOTE "
        "in C");
    return found;
  }
  if (facts.abi_major != DOJO_ABI_MAJOR) {
    found.push_back(
        fmt::format("it was built for plugin ABI {}.{}, this host has {}.{}: build it anew",
                    facts.abi_major, facts.abi_minor, DOJO_ABI_MAJOR, DOJO_ABI_MINOR));
  }
  if (!is_plugin_name(facts.name)) {
    found.emplace_back("the name in its note is not 1 to 64 letters, digits, '_' or '-'");
  }
  return found;
}

std::vector<std::string> sharing_faults(const ElfFacts& facts) {
  std::vector<std::string> found;
  if (facts.go) {
    found.emplace_back(
        "it is written in Go, whose runtime takes over signals and cannot be unloaded: set "
        "isolation = \"process\" for it");
    return found;  // what else there is to say comes of that
  }
  if (facts.executable_stack) {
    found.emplace_back(
        "it makes the stacks of the whole process executable, since an object of it has no "
        ".note.GNU-stack section: add that to its assembler sources, link with -z noexecstack, or "
        "set isolation = \"process\"");
  }
  if (!facts.unique_symbols.empty()) {
    found.push_back(
        fmt::format("it could never be unloaded: it defines unique symbols ({}). Build it with "
                    "dojo_add_plugin(), or with -fno-gnu-unique and a version script",
                    fmt::join(facts.unique_symbols, ", ")));
  }
  if (facts.nodelete) {
    found.emplace_back(
        "it could never be unloaded: it is linked with -z nodelete. Build it with "
        "dojo_add_plugin()");
  }
  return found;
}

Status check_facts(const ElfFacts& facts, bool isolated) {
  auto found = loading_faults(facts);
  if (!isolated) std::ranges::move(sharing_faults(facts), std::back_inserter(found));
  if (found.empty()) return {};
  return fail(fmt::format("{}", fmt::join(found, "; ")));
}

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
