// What a program says has to arrive: to a full disk it has said nothing.
#pragma once

namespace dojo::text {

/// To be called by main() at its end, whatever was printed in whichever way. Flushes stdout.
/// @return `exit_code`; or, if any of what was written to stdout is lost, `when_lost` in place of
/// 0, after a line on stderr
int finish_output(const char* program, int exit_code, int when_lost);

}  // namespace dojo::text
