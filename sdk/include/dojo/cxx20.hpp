// An older standard is one error, whatever the compiler: nothing behind a file that is not there is
// looked at.
#pragma once

#if __cplusplus < 202002L
#include <dojo needs C++20 or newer: compile with -std=c++20, or in CMake link dojo::sdk or dojo::client>
#endif
