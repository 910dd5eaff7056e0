// Errors as values. Result<T> is what may fail in normal life returns; exceptions are for start-up
// alone.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <dojo/code.hpp>
#include <dojo/expected.hpp>

namespace dojo {

/// Why something failed: the protocol's word for it, and a text for a person that says what to do.
struct Error {
  Code code = Code::internal;
  std::string message;
};

/// A T, or the reason why there is none.
template <class T>
using Result = Expected<T, Error>;

/// Nothing, or the reason why it failed.
using Status = Result<void>;

/// `return fail("…");` in a function that returns a Result. @param code the protocol's word,
/// `internal` where the failure is not about a request.
inline Unexpected<Error> fail(std::string message, Code code = Code::internal) {
  return Unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace dojo
