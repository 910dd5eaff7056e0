// The metagraph that outlives the host.
#pragma once

#include <utility>

#include <dojo/result.hpp>

#include "base/descriptor.hpp"
#include "policy/metagraph/metagraph_reader.hpp"

namespace dojo::policy {

/// metagraph.json in a folder of the host's: the last good reading, when it was, and of what.
class MetagraphCopy {
 public:
  explicit MetagraphCopy(base::Descriptor folder) : folder_(std::move(folder)) {}

  [[nodiscard]] Status save(const MetagraphOptions& options, const MetagraphReading& reading) const;
  /// @return an empty one if there is none of this source
  [[nodiscard]] Result<MetagraphReading> read(const MetagraphOptions& options) const;

 private:
  base::Descriptor folder_;
};

}  // namespace dojo::policy
