#!/usr/bin/env bash
# Installs the build into a scratch folder, and builds a plugin and a client as somebody does who has nothing but the installation:
# the plugin that `dojo new-plugin` writes, the client of the README. Both with every build type and compiler, with sanitizers and
# newer standards; the client asks a host that serves.
#   tests/install/plugin.sh BUILD_DIR [COMPILER…]     default: g++ and clang++-19
set -euo pipefail
build=$(cd "${1:?usage: plugin.sh BUILD_DIR [COMPILER…]}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
shift
[ $# -gt 0 ] || set -- g++ clang++-19

scratch=$(mktemp -d)
host=
stop() {
  [ -z "$host" ] || { kill -TERM "$host" && wait "$host"; } || true
  rm -rf "$scratch"
}
trap stop EXIT
cd "$scratch"
prefix=$scratch/installed
unset CMAKE_PREFIX_PATH DOJO_WALLET CXXFLAGS LDFLAGS
if command -v ccache >/dev/null; then
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache
  CCACHE_DIR=$(ccache --get-config cache_dir)  # where HOME is another one, below, too
  export CCACHE_DIR
fi

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

# What is installed for others to link or include knows of no library but the standard one and C's.
if grep -rnE '#include <(simdjson|rapidjson|fmt|spdlog|boost|nlohmann)' "$prefix/include"; then
  echo "a public header includes another library's" >&2
  exit 1
fi
for archive in "$prefix"/lib/libdojo_*.a; do
  foreign=$(nm -C "$archive" | grep -E '(^| )(simdjson|rapidjson|fmt|spdlog|boost)::' | grep -v '::dojo_own::' | head -5 || true)
  [ -z "$foreign" ] || { echo "$archive has symbols of other libraries: $foreign" >&2; exit 1; }
done

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

# The README's client, for the host that is started here.
export HOME=$scratch/home
wallet=$HOME/.bittensor/wallets/default/hotkeys/default
quiet "$prefix/bin/dojo" keygen "$wallet"
coproc HOST {
  exec "$prefix/bin/dojo-host" --listen 127.0.0.1:0 --state "$scratch/state" --plugins "$prefix/lib/dojo/plugins" --log-level warning
}
host=$HOST_PID
read -r ready <&"${HOST[0]}" || { echo "the host did not start" >&2; exit 1; }
address=$(sed 's/.* ready on \([^,]*\),.*/\1/' <<<"$ready")
hotkey=${ready##* }
mkdir client
sed -n '/^## A client/,/^## /p' "$here/../../README.md" | sed -n '/^```cpp/,/^```/p' | sed '/^```/d' >client/readme.cpp
grep -q '"127.0.0.1:8091"' client/readme.cpp && grep -q '"5F…"' client/readme.cpp ||
  { echo "the README's client is not what this test looks for" >&2; exit 1; }
sed -i -e "s/\"127.0.0.1:8091\"/\"$address\"/" -e "s/\"5F…\"/\"$hotkey\"/" client/readme.cpp
cp "$here/consumer.cpp" client
cat >client/CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.25)
project(client LANGUAGES CXX)
find_package(dojo 0.1 REQUIRED COMPONENTS client)
foreach(name readme consumer)
  add_executable(${name} ${name}.cpp)
  target_link_libraries(${name} PRIVATE dojo::client)
endforeach()
END

needed_by() { objdump -p "$1" | awk '/NEEDED/ {print $2}'; }

# try NAME COMPILER CMAKE_OPTIONS…: one way of building, in a folder called NAME
try() {
  local name=$1 compiler=$2 out=$scratch/build-$1
  shift 2
  set -- -G Ninja -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_CXX_COMPILER="$compiler" "$@"
  quiet cmake -S my-scorer -B "$out/plugin" "$@"
  quiet cmake --build "$out/plugin"
  quiet ctest --test-dir "$out/plugin" --output-on-failure
  local plugin=$out/plugin/my-scorer.so exported needed
  exported=$(nm -D --defined-only "$plugin" | awk '{print $3}')
  [ "$exported" = dojo_plugin_entry ] || { echo "$name: it exports: $exported" >&2; return 1; }
  if [[ $name != *sanitize* ]]; then
    needed=$(needed_by "$plugin" | grep -vE '^(libc|libm|libgcc_s|libstdc\+\+|ld-linux[^.]*)\.so' || true)
    [ -z "$needed" ] || { echo "$name: the plugin needs $needed" >&2; return 1; }
    # A host can load it.
    quiet "$prefix/bin/dojo-host" --probe "$plugin"
  fi

  quiet cmake -S client -B "$out/client" "$@"
  quiet cmake --build "$out/client"
  local said
  said=$("$out/client/readme")
  [ "$said" = hello ] || { echo "$name: the README's client says: $said" >&2; return 1; }
  quiet "$out/client/consumer" "$address" "$hotkey" "$wallet"
  needed=$(needed_by "$out/client/readme" | grep -E 'simdjson|fmt' || true)
  [ -z "$needed" ] || { echo "$name: the client needs $needed" >&2; return 1; }
  echo "$name: built, tested, probed; the client was answered"
}

# An older standard is one error, which says what to do, whichever header comes first (for_each.hpp is
# a macro alone). CMake asks for the right one by itself.
refuses_older_standard() {
  local compiler=$1 header
  for header in $(cd "$prefix/include/dojo" && find . -name '*.hpp' ! -name for_each.hpp -printf '%P\n'); do
    printf '#include <dojo/%s>\nint main() {}\n' "$header" >old.cpp
    if "$compiler" -std=c++17 -fsyntax-only -I "$prefix/include" old.cpp 2>"$scratch/log"; then
      echo "$compiler: dojo/$header takes C++17" >&2
      return 1
    fi
    [ "$(grep -c 'error:' "$scratch/log")" = 1 ] && grep -q 'error:.*dojo needs C++20' "$scratch/log" ||
      { echo "$compiler: dojo/$header and C++17:" >&2; cat "$scratch/log" >&2; return 1; }
  done
  echo "$compiler: C++17 is refused in one error"
}

first=
for compiler in "$@"; do
  command -v "$compiler" >/dev/null || { echo "$compiler is not there: skipped"; continue; }
  refuses_older_standard "$compiler"
  for type in '' Debug Release; do
    try "${compiler##*/}-${type:-none}" "$compiler" -DCMAKE_BUILD_TYPE="$type"
  done
  [ -n "$first" ] && continue
  first=$compiler
  try "${compiler##*/}-sanitize" "$compiler" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS=-fsanitize=address,undefined
  try "${compiler##*/}-c++23" "$compiler" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_STANDARD=23
  try "${compiler##*/}-asks-for-c++17" "$compiler" -DCMAKE_CXX_STANDARD=17
done
[ -n "$first" ]
