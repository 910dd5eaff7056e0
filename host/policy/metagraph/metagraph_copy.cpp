#include "policy/metagraph/metagraph_copy.hpp"

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include <dojo/model.hpp>

#include "base/files.hpp"
#include "policy/metagraph/metagraph_json.hpp"

namespace dojo::policy {

struct SavedJson {
  std::int64_t read_at_ms = 0;
  std::string source;
  RawJson metagraph;
};
DOJO_MODEL(SavedJson, read_at_ms, source, metagraph)

namespace {

constexpr char kFile[] = "metagraph.json";
constexpr std::size_t kLongest = std::size_t{32} << 20;

}  // namespace

Status MetagraphCopy::save(const MetagraphOptions& options, const MetagraphReading& reading) const {
  auto metagraph = metagraph_json(*reading.metagraph);
  if (!metagraph) return Unexpected(metagraph.error());
  const auto text = to_json(SavedJson{
      reading.at.time_since_epoch().count(), source_of(options), {std::move(*metagraph)}});
  if (!text) return Unexpected(text.error());
  return base::write_atomically(folder_.get(), kFile, *text + "\n");
}

Result<MetagraphReading> MetagraphCopy::read(const MetagraphOptions& options) const {
  if (!options.wanted()) return MetagraphReading{};
  if (faccessat(folder_.get(), kFile, F_OK, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT) {
    return MetagraphReading{};
  }
  const auto text = base::read_small(folder_.get(), kFile, kLongest);
  if (!text) return Unexpected(text.error());
  const auto json = from_json<SavedJson>(*text);
  if (!json) return Unexpected(json.error());
  if (json->source != source_of(options)) return MetagraphReading{};
  if (json->read_at_ms < 0) return fail("read_at_ms: must be unix time in milliseconds");
  auto metagraph = parse_metagraph(json->metagraph.text);
  if (!metagraph) return Unexpected(metagraph.error());
  if (metagraph->netuid() != options.netuid) return MetagraphReading{};
  return MetagraphReading{std::make_shared<const Metagraph>(std::move(*metagraph)),
                          WallTime(std::chrono::milliseconds(json->read_at_ms))};
}

}  // namespace dojo::policy
