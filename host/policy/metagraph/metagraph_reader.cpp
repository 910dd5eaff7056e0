#include "policy/metagraph/metagraph_reader.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/files.hpp"
#include "policy/metagraph/metagraph_json.hpp"
#include "text/terminal.hpp"

namespace dojo::policy {
namespace {

namespace fs = std::filesystem;

Result<Metagraph> from_kami(HttpGet& http, const MetagraphOptions& options) {
  const auto url = fmt::format("{}/chain/subnet-metagraph/{}", source_of(options), options.netuid);
  auto answer = http.get(url, options.timeout, options.longest);
  if (!answer) return fail(fmt::format("{}: {}", url, answer.error().message));
  if (answer->status >= 300 && answer->status <= 399) {
    return fail(fmt::format("{} answers HTTP {}, and is not followed to \"{}\"", url,
                            answer->status, text::printable(answer->location, 200)));
  }
  if (answer->status != 200) {
    const auto words = refusal_of_kami(answer->body);
    return fail(fmt::format("{} answers HTTP {}{}", url, answer->status,
                            words ? ": " + *words : std::string()));
  }
  auto metagraph = parse_metagraph(answer->body);
  if (!metagraph) return fail(fmt::format("{}: {}", url, metagraph.error().message));
  return metagraph;
}

Result<Metagraph> from_file(const MetagraphOptions& options) {
  std::error_code error;
  // Links are followed here, as for a config.
  const auto file = fs::canonical(options.file, error);
  if (error) return fail(fmt::format("{}: {}", options.file.string(), error.message()));
  const auto text = base::read_small(AT_FDCWD, file, options.longest);
  if (!text) return Unexpected(text.error());
  auto metagraph = parse_metagraph(*text);
  if (!metagraph) return fail(fmt::format("{}: {}", file.string(), metagraph.error().message));
  return metagraph;
}

Result<MetagraphReading> reading_of(Result<Metagraph> metagraph, const MetagraphOptions& options,
                                    WallTime at) {
  if (!metagraph) return Unexpected(metagraph.error());
  if (metagraph->netuid() != options.netuid) {
    return fail(fmt::format("{}: it is of netuid {}, not {}", source_of(options),
                            metagraph->netuid(), options.netuid));
  }
  return MetagraphReading{std::make_shared<const Metagraph>(std::move(*metagraph)), at};
}

}  // namespace

std::string source_of(const MetagraphOptions& options) {
  auto source = options.url.empty() ? options.file.string() : options.url;
  if (!options.url.empty()) source.erase(source.find_last_not_of('/') + 1);
  return source;
}

MetagraphReader::Stamp MetagraphReader::stamp_of(const fs::path& file) {
  struct stat found{};
  if (stat(file.c_str(), &found) != 0) return {};
  return {found.st_dev, found.st_ino, found.st_size,
          found.st_mtim.tv_sec * 1'000'000'000 + found.st_mtim.tv_nsec};
}

std::optional<Result<MetagraphReading>> MetagraphReader::read(const MetagraphOptions& options,
                                                              bool forced) try {
  if (!options.url.empty()) return reading_of(from_kami(http_, options), options, now_());
  const auto stamp = stamp_of(options.file);
  if (!forced && stamp == seen_) return std::nullopt;
  seen_ = stamp;
  const WallTime changed(std::chrono::milliseconds(stamp.changed_ns / 1'000'000));
  return reading_of(from_file(options), options, std::min(now_(), changed));
} catch (const std::exception& error) {
  return fail(fmt::format("{}: {}", source_of(options), error.what()));
}

}  // namespace dojo::policy
