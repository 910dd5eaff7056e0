// --proof: where the proof of an answer goes.
#pragma once

#include <string>

#include <CLI/App.hpp>

#include <dojo/client/options.hpp>
#include <dojo/client/response.hpp>
#include <dojo/result.hpp>

namespace dojo::cli {

struct ProofOption {
  std::string file;  ///< empty: none is asked for

  void add_to(CLI::App& command);
  /// Asks for proof. @return an error if the file could not be written, before anything is sent; or
  /// that of `options`
  [[nodiscard]] Result<SendOptions> ask(Result<SendOptions> options) const;
  /// Writes the file, if the answer is proven. @return the exit code, `code` unless that fails
  [[nodiscard]] int keep(const ClientResponse& response, int code) const;
};

}  // namespace dojo::cli
