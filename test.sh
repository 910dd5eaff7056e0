#!/usr/bin/env bash
# Runs every check there is: format and lint, all tests under AddressSanitizer and ThreadSanitizer, the fuzzers for a
# moment, and the release build's tests with the ones against the published Python package.
#   ./test.sh           everything, as CI does
#   ./test.sh --quick   the release build and its tests, without those labelled chaos, attacks, interop, install
#                       or compile_fail
# A step that fails does not keep the others from running. Nothing is tried twice: the first result counts.
set -euo pipefail
cd "$(dirname "$0")"

quick=false
case "${1:-}" in
  "") ;;
  --quick) quick=true ;;
  *) echo "usage: ./test.sh [--quick]" >&2; exit 2 ;;
esac

jobs=$(nproc)
failed=()
step() {  # step NAME COMMAND…
  printf '\n== %s (%d s so far)\n' "$1" "$SECONDS"
  "${@:2}" || failed+=("$1")
}
build() {  # build PRESET [TARGET]
  { cmake --preset "$1" && cmake --build --preset "$1" --target "${2:-all}" -- -k 0; } >"build/$1.log" 2>&1 ||
    { grep -v '^\[[0-9/]*\] ' "build/$1.log" >&2; return 1; }
}
tests() {  # tests PRESET [CTEST_OPTION…]
  local log=build/$1.tests.log status=0
  ctest --preset "$1" -j "$jobs" "${@:2}" >"$log" 2>&1 || status=$?
  # What has passed is one line each in the log, and not shown.
  grep -vE '^ *(Start +[0-9]+:|[0-9]+/[0-9]+ Test .* Passed )' "$log" || true
  return "$status"
}
crashes() {  # shows what fuzzers have ended on; it stays where it is, and each of the next runs tries it first
  local file found=0
  while read -r file; do
    found=1
    echo "$file, $(stat -c %s "$file") bytes; the first 4096 in base64:"
    head -c 4096 "$file" | base64
  done < <(find build/fuzz/crashes -type f ! -name 'slow-unit-*' | sort)
  return "$found"
}

etc/setup.sh test
mkdir -p build
if ! $quick; then  # the packages for the interop tests come while the compiler is busy; those wait for them
  tests/interop/venv.sh build/release/interop-venv tests/interop/requirements.txt >build/venv.log 2>&1 &
fi
step "release: build" build release
if $quick; then
  step "release: tests" tests release -LE 'chaos|attacks|interop|install|compile_fail'
else
  step "format and lint" etc/lint.sh build/release
  step "asan: build" build asan
  step "asan: address, leak and undefined behaviour" tests asan
  step "tsan: build" build tsan checks
  step "tsan: data races" tests tsan
  export DOJO_FUZZ_SECONDS=${DOJO_FUZZ_SECONDS:-20}
  step "fuzz: build" build fuzz fuzzers
  step "fuzz: $DOJO_FUZZ_SECONDS s each" tests fuzz
  step "fuzz: crashes" crashes
  step "release: tests" tests release
fi

if [ ${#failed[@]} -gt 0 ]; then
  printf '\nfailed after %d s:\n' "$SECONDS"
  printf '  %s\n' "${failed[@]}"
  exit 1
fi
printf '\nall passed in %d s\n' "$SECONDS"
