// Where a request goes: the miner's url and the model's name, put together and checked.
#pragma once

#include <string>
#include <string_view>

#include <dojo/result.hpp>

namespace dojo::detail {

struct Target {
  std::string url;   ///< whole, `http://miner:8888/Echo`
  std::string path;  ///< as the request line has it, `/Echo`: what a dojo/1 message states
  std::string host;  ///< scheme, host and port: what the limit per host counts

  /// The url without the model's name and the slash before it.
  [[nodiscard]] std::string_view base() const;
  /// Another path of the same miner's. @param suffix with its slash, `/dojo/session`
  [[nodiscard]] Target at(std::string_view suffix) const;
};

/// Puts `http://` before a url without a scheme, and `/<model>` behind it.
/// @return an error for anything but http(s), for a query, fragment or credentials, and for what a
/// request line cannot carry as it is.
Result<Target> make_target(std::string_view url, std::string_view model);

}  // namespace dojo::detail
