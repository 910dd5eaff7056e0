// One GET at a time, which another thread can end.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include <dojo/result.hpp>

namespace dojo::policy {

struct HttpAnswer {
  int status = 0;
  std::string location;  ///< where a redirect leads, as it was sent
  std::string body;
};

/// libcurl with little left to chance: http and https alone, certificates checked, no redirects,
/// no compression, no cookies, no proxy, nothing of the environment's. get() is one
/// thread's; give_up() any thread's.
class HttpGet {
 public:
  /// @throws std::runtime_error if libcurl cannot be had
  HttpGet();
  ~HttpGet();
  HttpGet(const HttpGet&) = delete;
  HttpGet& operator=(const HttpGet&) = delete;

  /// @param timeout for all of it @param longest bytes of a body
  /// @return an answer with whatever status, whole; or why there is none
  Result<HttpAnswer> get(const std::string& url, std::chrono::milliseconds timeout,
                         std::size_t longest);
  /// From now on get() fails, also the one under way, until arm().
  void give_up();
  void arm();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// Whether a text is an address to put paths behind: http or https, with a host, and neither user
/// nor password, query nor fragment. @return an error that says which. Any thread.
Status check_base_url(const std::string& url);

}  // namespace dojo::policy
