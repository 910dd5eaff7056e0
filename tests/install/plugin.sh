#!/usr/bin/env bash
# Installs the build into a scratch folder, and writes, builds, tests and probes a plugin as somebody does who has nothing but
# the installation.
#   tests/install/plugin.sh BUILD_DIR [COMPILER…]     default: g++ and clang++-19
set -euo pipefail
build=$(cd "${1:?usage: plugin.sh BUILD_DIR [COMPILER…]}" && pwd)
shift
[ $# -gt 0 ] || set -- g++ clang++-19

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
prefix=$scratch/installed
unset CMAKE_PREFIX_PATH DOJO_WALLET

quiet() {  # shows a step's output only where it fails
  "$@" >"$scratch/log" 2>&1 || { echo "failed: $*" >&2; cat "$scratch/log" >&2; return 1; }
}
must_be_there() {
  local file
  for file in "$@"; do
    [ -e "$prefix/$file" ] || { echo "not installed: $file" >&2; return 1; }
  done
}

quiet cmake --install "$build" --prefix "$prefix"
must_be_there bin/dojo bin/dojo-host bin/dojo-worker include/dojo/plugin.h include/dojo/plugin.hpp include/dojo/testing.hpp \
  lib/dojo/plugins/echo.so etc/dojo-host.toml share/doc/dojo/LICENSE

quiet "$prefix/bin/dojo" new-plugin my-scorer
if "$prefix/bin/dojo" new-plugin my-scorer 2>"$scratch/log"; then
  echo "new-plugin wrote over a folder" >&2
  exit 1
fi
grep -q 'is there already' "$scratch/log"
for name in '' 9lives a/b ../above "$(printf 'x%.0s' {1..65})" test; do
  if "$prefix/bin/dojo" new-plugin "$name" 2>"$scratch/log"; then
    echo "new-plugin took the name '$name'" >&2
    exit 1
  fi
  grep -q "plugin's name\|cannot be named" "$scratch/log" || { cat "$scratch/log" >&2; exit 1; }
done
[ "$(ls "$scratch")" = "$(printf 'installed\nlog\nmy-scorer')" ] || { echo "new-plugin left something behind" >&2; exit 1; }

try() {  # try COMPILER
  local compiler=$1 out=$scratch/build-${1##*/}
  quiet cmake -G Ninja -S my-scorer -B "$out" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_CXX_COMPILER="$compiler" \
    -DCMAKE_BUILD_TYPE=Debug
  quiet cmake --build "$out"
  quiet ctest --test-dir "$out" --output-on-failure
  local exported
  exported=$(nm -D --defined-only "$out/my-scorer.so" | awk '{print $3}')
  [ "$exported" = dojo_plugin_entry ] || { echo "it exports: $exported" >&2; return 1; }
  # A host can load it.
  quiet "$prefix/bin/dojo-host" --probe "$out/my-scorer.so"
  echo "$compiler: built, tested, probed"
}
for compiler in "$@"; do
  command -v "$compiler" >/dev/null || { echo "$compiler is not there: skipped"; continue; }
  try "$compiler"
done
