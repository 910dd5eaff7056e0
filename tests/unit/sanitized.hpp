// Whether the tests run under a sanitizer, where memory and time are not what they are otherwise.
#pragma once

namespace dojo::test {

inline constexpr bool kSanitized =
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    true;
#else
    false;
#endif

}  // namespace dojo::test
