#!/usr/bin/env bash
# Runs every check there is: format and lint, all tests under AddressSanitizer and ThreadSanitizer, the fuzzers for a
# moment, and last the release build's tests with the ones against the published Python package.
#   ./test.sh           everything, as CI does
#   ./test.sh --quick   the release build and its tests alone
set -euo pipefail
cd "$(dirname "$0")"

quick=false
case "${1:-}" in
  "") ;;
  --quick) quick=true ;;
  *) echo "usage: ./test.sh [--quick]" >&2; exit 2 ;;
esac

jobs=$(nproc)
step() { printf '\n== %s (%d s so far)\n' "$*" "$SECONDS"; }
build() {  # build PRESET [TARGET]
  cmake --preset "$1" >"build/$1.log" 2>&1 || { cat "build/$1.log" >&2; return 1; }
  cmake --build --preset "$1" --target "${2:-all}" >"build/$1.log" 2>&1 || { cat "build/$1.log" >&2; return 1; }
}

etc/setup.sh
mkdir -p build
step "release: build"
build release

if ! $quick; then
  step "format and lint"
  etc/lint.sh build/release

  step "asan: address, leak and undefined behaviour"
  build asan
  ctest --preset asan --quiet -j "$jobs" || ctest --preset asan --rerun-failed

  step "tsan: data races"
  build tsan
  ctest --preset tsan --quiet -j "$jobs" || ctest --preset tsan --rerun-failed

  step "fuzz: ${DOJO_FUZZ_SECONDS:=20} s each"
  export DOJO_FUZZ_SECONDS
  build fuzz fuzzers
  ctest --preset fuzz --quiet -j "$jobs" || ctest --preset fuzz --rerun-failed
fi

step "release: tests"
ctest --preset release -j "$jobs"
