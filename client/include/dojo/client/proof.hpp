// Answers that prove themselves to others: who asked whom what, when, and what was answered. A text
// that is kept, sent around, and checked without asking anybody. docs/client.md describes it.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include <dojo/client/response.hpp>
#include <dojo/result.hpp>

namespace dojo {

/// Writes an answer and its request, with both signatures, as JSON.
/// @return an error if the answer proves nothing: SendOptions::proof did not ask for it, or its
/// signature is not right. Any thread.
Result<std::string> format_proof(const ClientResponse& response);

/// What a proof says.
struct Proven {
  std::string asker;     ///< SS58, who signed the request
  std::string answerer;  ///< SS58, whom the request was for, and who signed the answer
  /// When it was asked, by the asker's clock. The answerer has signed it too.
  std::chrono::sys_time<std::chrono::nanoseconds> time;
  std::string method;
  std::string target;  ///< with its query
  std::string request;
  int status = 200;
  std::string answer;
};

/// Reads a proof, and checks both signatures. The answer names its request by asker and time alone:
/// that there was no other request of that time is the asker's word, who could sign two.
/// @return an error that says what is wrong: Code::malformed, Code::no_signature,
/// Code::wrong_receiver (one has asked, another has answered), Code::bad_signature. Any thread.
Result<Proven> check_proof(std::string_view json);

}  // namespace dojo
