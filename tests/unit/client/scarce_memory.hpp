// Takes memory away from the client's own threads, one allocation at a time.
#pragma once

namespace dojo::testing {

/// The `nth` allocation (from 0) on threads named `client-…` fails, once.
void fail_allocation(int nth);

/// Ends that. @return whether it failed: there were so many.
bool allocation_failed();

}  // namespace dojo::testing
