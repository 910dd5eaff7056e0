// Where a request goes: checked, and in the parts that are needed.
#pragma once

#include <string>
#include <string_view>

#include <dojo/result.hpp>

namespace dojo::detail {

struct Target {
  std::string url;    ///< whole, `http://miner:8888/Echo`
  std::string path;   ///< as the request line has it, `/Echo`: what a dojo/1 message states
  std::string query;  ///< the same with its question mark; perhaps empty
  std::string host;   ///< scheme, host and port: what the limit per host counts
  std::string base;   ///< the url without the route's path, `http://miner:8888`

  /// What the request line has, and btauth/1 signs.
  [[nodiscard]] std::string whole() const { return path + query; }
  /// Another path of the same miner's. @param suffix with its slash, `/dojo/session`
  [[nodiscard]] Target at(std::string_view suffix) const;
};

/// Puts `http://` before a url without a scheme, and `/<model>` behind it.
/// @return an error for anything but http(s), for a query, fragment or credentials, and for what a
/// request line cannot carry as it is.
Result<Target> make_target(std::string_view url, std::string_view model);

/// The same of a url that is the whole of it already, perhaps with a query.
Result<Target> make_target(std::string_view url);

}  // namespace dojo::detail
