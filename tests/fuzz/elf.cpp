// Any bytes as a plugin's file: what is read of it is bounded, and is judged without a crash.
#include "plugins/abi/elf.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

#include <dojo/names.hpp>

#include "base/descriptor.hpp"
#include "plugins/abi/elf_names.hpp"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dojo::plugins;
  const dojo::base::Descriptor memory(memfd_create("plugin", MFD_CLOEXEC));
  require(static_cast<bool>(memory));
  require(write(memory.get(), data, size) == static_cast<ssize_t>(size));
  if (const auto names = read_elf_names(memory.get())) {
    ElfRenaming renaming;
    for (const auto& name : names->needed) renaming.needed[name] = "/" + name + ".another";
    renaming.soname = renaming.runpath = "another";
    (void)rename_in_elf(memory.get(), renaming);
    require(ftruncate(memory.get(), 0) == 0 && lseek(memory.get(), 0, SEEK_SET) == 0);
    require(write(memory.get(), data, size) == static_cast<ssize_t>(size));
  }
  const auto facts = inspect_elf("/proc/self/fd/" + std::to_string(memory.get()));
  if (!facts) {
    require(!facts.error().message.empty());
    return 0;
  }
  require(facts->name.size() < 64 && facts->needed.size() <= 64);
  require(facts->unique_symbols.size() <= 4);
  const bool good = loading_faults(*facts).empty();
  require(!good || (facts->note && facts->entry && dojo::is_plugin_name(facts->name)));
  require(check_facts(*facts, true).has_value() == good);
  return 0;
}
