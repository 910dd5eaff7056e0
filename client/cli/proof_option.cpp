#include "proof_option.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <dojo/client/proof.hpp>

#include "command.hpp"
#include "input.hpp"
#include "json_print.hpp"
#include "wire/new_file.hpp"

namespace dojo::cli {

void ProofOption::add_to(CLI::App& command) {
  command.add_option(
      "--proof", file,
      "Take no answer that the receiver has not signed, and keep request and answer "
      "with both signatures in this new file (btauth/1); `dojo verify-proof` reads it");
}

Result<SendOptions> ProofOption::ask(Result<SendOptions> options) const {
  if (file.empty() || !options) return options;
  options->proof = true;
  if (::access(file.c_str(), F_OK) != 0) return options;
  return fail(fmt::format("--proof {}: it {}", file, wire::kFileExists));
}

int ProofOption::keep(const ClientResponse& response, int code) const {
  if (file.empty() || response.signature != AnswerSignature::right) return code;
  constexpr mode_t kForAll = 0644;
  const auto proof = format_proof(response);
  const auto written = proof
                           ? wire::write_new_file(file, reformat_json(*proof, true) + '\n', kForAll)
                           : Status(Unexpected(proof.error()));
  if (written) return code;
  complain(fmt::format("--proof {}: {}", file, written.error().message));
  return kOutputLost;
}

}  // namespace dojo::cli
