#include "plugins/deploy/libraries.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>

#include "base/descriptor.hpp"

namespace dojo::plugins {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostBrought = 256;

// Of which a second one in a process would do harm: they hold what belongs to all of it.
constexpr std::array<std::string_view, 14> kOneInAProcess = {
    "ld-linux",      "libc.so.",   "libm.so.",      "libmvec.so.",  "libdl.so.",
    "libpthread.so", "librt.so.",  "libresolv.so.", "libgcc_s.so.", "libstdc++.so.",
    "libasan.so",    "libtsan.so", "libubsan.so",   "liblsan.so"};

constexpr std::array<std::string_view, 6> kSystems = {"/lib",
                                                      "/usr/lib",
                                                      "/lib64",
                                                      "/usr/lib64",
#if defined(__x86_64__)
                                                      "/lib/x86_64-linux-gnu",
                                                      "/usr/lib/x86_64-linux-gnu"
#else
                                                      "/lib/aarch64-linux-gnu",
                                                      "/usr/lib/aarch64-linux-gnu"
#endif
};

/// A folder to look in.
struct Place {
  fs::path folder;
  bool own = false;  // what is there is brought
};

bool replace_origin(std::string& text, const fs::path& origin) {
  bool found = false;
  for (const std::string_view token : {"${ORIGIN}", "$ORIGIN"}) {
    for (auto at = text.find(token); at != std::string::npos; at = text.find(token, at)) {
      text.replace(at, token.size(), origin.native());
      at += origin.native().size();
      found = true;
    }
  }
  return found;
}

/// One entry of a path, from every origin.
std::vector<Place> places_of(const std::string& entry, const Origins& origins) {
  if (entry.empty())
    return {};  // CMake pads with these; to the loader each is where it was started
  if (entry.starts_with('/') && entry.find('$') == std::string::npos) return {{entry, false}};
  std::vector<Place> places;
  for (const auto& origin : origins) {
    auto text = entry;
    const bool from_origin = replace_origin(text, origin);
    if (text.find('$') != std::string::npos) return {{entry, false}};  // $LIB, $PLATFORM
    fs::path folder = from_origin ? fs::path(text) : origin / text;
    places.push_back({folder.lexically_normal(), true});
  }
  return places;
}

std::vector<Place> places_of_all(const std::string& path, const Origins& origins) {
  std::vector<Place> places;
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find(':', begin), path.size());
    for (auto& place : places_of(path.substr(begin, end - begin), origins)) {
      places.push_back(std::move(place));
    }
    begin = end + 1;
  }
  return places;
}

bool is_systems(const fs::path& file) {
  std::error_code error;
  const auto folder = fs::canonical(file, error).parent_path();
  return std::ranges::find(kSystems, std::string_view(folder.native())) != kSystems.end();
}

std::optional<fs::path> if_brought(const fs::path& file, bool own) {
  return own && !is_systems(file) ? std::optional(file) : std::nullopt;
}

std::vector<Place> environments() {
  const char* const path = std::getenv("LD_LIBRARY_PATH");
  if (path == nullptr || *path == '\0') return {};
  auto places = places_of_all(path, {fs::path("/")});
  for (auto& place : places) place.own = false;
  return places;
}

/// Looks for what one object wants.
class Search {
 public:
  /// @param inherited DT_RPATH of those that want the object
  Search(const ElfNames& names, const Origins& origins, std::vector<Place> inherited)
      : origins_(origins), rpaths_(std::move(inherited)) {
    if (names.runpath) {  // then DT_RPATH, its own and the inherited, counts for nothing
      places_ = environments();
      add(places_, places_of_all(*names.runpath, origins));
      return;
    }
    if (names.rpath) {
      auto own = places_of_all(*names.rpath, origins);
      add(own, std::move(rpaths_));
      rpaths_ = std::move(own);
    }
    places_ = rpaths_;
    add(places_, environments());
  }

  [[nodiscard]] std::optional<fs::path> find(const std::string& name) const {
    std::error_code error;
    if (name.find('/') != std::string::npos) {
      for (const auto& [file, own] : places_of(name, origins_)) {
        if (fs::is_regular_file(file, error)) return if_brought(file, own);
      }
      return std::nullopt;
    }
    for (const auto& [folder, own] : places_) {
      if (fs::is_regular_file(folder / name, error)) return if_brought(folder / name, own);
    }
    return std::nullopt;
  }
  /// What those inherit that the object wants.
  [[nodiscard]] const std::vector<Place>& rpaths() const { return rpaths_; }

 private:
  static void add(std::vector<Place>& to, std::vector<Place> more) {
    std::ranges::move(more, std::back_inserter(to));
  }
  const Origins& origins_;
  std::vector<Place> rpaths_;
  std::vector<Place> places_;
};

bool one_in_a_process(const std::string& name) {
  const auto file = fs::path(name).filename().native();
  return std::ranges::any_of(kOneInAProcess,
                             [&](std::string_view known) { return file.starts_with(known); });
}

/// Of a file that cannot be read: none. The loader will say what is wrong with it.
ElfNames names_of(const fs::path& file) {
  const base::Descriptor in(open(file.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  auto names = in ? read_elf_names(in.get()) : Result<ElfNames>(ElfNames());
  return names ? std::move(*names) : ElfNames();
}

}  // namespace

Origins origins_of(const fs::path& file) {
  std::error_code error;
  Origins origins = {fs::absolute(file, error).parent_path()};
  const auto target = fs::canonical(file, error).parent_path();
  if (!error && target != fs::canonical(origins[0], error)) origins.push_back(target);
  return origins;
}

std::vector<BroughtLibrary> find_brought(const ElfNames& plugin, const Origins& origins,
                                         const fs::path& kept) {
  struct Object {
    ElfNames names;
    Origins origins;
    std::vector<Place> inherited;
  };
  // Breadth first, and one library for one name, as the loader does it.
  std::vector<Object> objects = {{plugin, origins, {}}};
  std::vector<BroughtLibrary> found;
  std::set<std::string> seen;
  std::error_code error;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    const auto object = objects[i];
    const Search search(object.names, object.origins, object.inherited);
    for (const auto& name : object.names.needed) {
      if (found.size() >= kMostBrought) return found;
      if (one_in_a_process(name) || seen.contains(name)) continue;
      auto file = kept.empty() ? search.find(name) : std::optional(kept / kept_as(name));
      if (!file || !fs::is_regular_file(*file, error)) continue;
      seen.insert(name);
      auto its = kept.empty() ? origins_of(*file) : origins;
      objects.push_back({names_of(*file), its, search.rpaths()});
      found.push_back({name, std::move(*file), std::move(its)});
    }
  }
  return found;
}

std::vector<BroughtLibrary> find_brought(const fs::path& plugin) {
  return find_brought(names_of(plugin), origins_of(plugin));
}

std::string kept_as(const std::string& name) {
  std::string file;
  for (const char c : name) file += c == '/' ? "%2F" : c == '%' ? "%25" : std::string(1, c);
  return file;
}

bool leads_beside(const std::string& path, const Origins& origins) {
  return std::ranges::any_of(places_of_all(path, origins), &Place::own);
}

std::string anchored(const std::string& path, const Origins& origins) {
  std::string all;
  for (const auto& place : places_of_all(path, origins)) {
    all += (all.empty() ? "" : ":") + place.folder.native();
  }
  return all;
}

}  // namespace dojo::plugins
