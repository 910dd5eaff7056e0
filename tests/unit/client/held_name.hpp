// A name whose look-up does not end: stands before the C library's getaddrinfo(), for libcurl too.
#pragma once

#include <string>

namespace dojo::testing {

/// While it lives, looking up this name waits until release(), and then finds nothing. One at a
/// time.
class HeldName {
 public:
  explicit HeldName(const std::string& name);
  /// Releases, and waits until nobody is looking it up any more.
  ~HeldName();
  HeldName(const HeldName&) = delete;
  HeldName& operator=(const HeldName&) = delete;

  /// Waits until so many look it up. @return false after ten seconds.
  [[nodiscard]] bool wait_for(int lookups) const;
  void release();
};

}  // namespace dojo::testing
