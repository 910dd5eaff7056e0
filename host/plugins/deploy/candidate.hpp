// A plugin's file on its way to serving.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace dojo::plugins {

/// What is to be taken up, and what is known of it so far.
struct Candidate {
  std::filesystem::path file;    ///< to be copied
  std::filesystem::path source;  ///< the operator's, for whom it stands
  bool insist = false;           ///< also if quarantined, or active already
  std::string plugin{};          ///< once known
  std::string sha256{};          ///< if given, what the file's must be
  std::string settings{};        ///< fingerprint of those that it has been tried with
  bool proven = false;           ///< it serves now: if it fails here, that is not the file's fault
  std::uint64_t number = 0;      ///< of the copy, and of the generation made from it
  std::filesystem::path libraries{};  ///< kept copies of those that it brings, if it is one itself
  bool stands_in = false;             ///< for another file, which is what is tried again
  bool lacking = false;   ///< it failed for what the host lacks, see tells_of_shortage(),
  bool contends = false;  ///< or for a route or a name that another file has
};

}  // namespace dojo::plugins
