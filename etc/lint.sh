#!/usr/bin/env bash
# Checks that every source is formatted by .clang-format and passes .clang-tidy.
#   etc/lint.sh BUILD_DIR     a configured and built tree: its compile_commands.json says how each file is compiled
set -euo pipefail
build=$(cd "${1:?usage: etc/lint.sh BUILD_DIR}" && pwd)
cd "$(dirname "$0")/.."

mapfile -t sources < <(git ls-files --cached --others --exclude-standard '*.cpp' '*.hpp' '*.h' '*.c')
clang-format-19 --dry-run --Werror "${sources[@]}"
echo "${#sources[@]} files are formatted"

# clang-tidy takes seconds a file, so what has passed is not looked at again until it, a header, or the rules change.
passed=$build/lint
mkdir -p "$passed"
rules=$(cat .clang-tidy tests/.clang-tidy $(git ls-files --cached --others --exclude-standard '*.hpp' '*.h') | sha256sum)
# g++ made the list of commands: clang does not know all of its flags, and needs templates to be parsed late where
# Pistache's async.h is read.
sed 's/ -fno-gnu-unique//' "$build/compile_commands.json" >"$passed/compile_commands.json"
check() {
  local stamp
  stamp=$passed/$( (echo "$2"; echo "$1"; cat "$1") | sha256sum | cut -c1-32)
  [ -e "$stamp" ] && return 0
  if clang-tidy-19 --quiet -p "$3" --extra-arg=-Wno-unknown-warning-option --extra-arg=-fdelayed-template-parsing \
    --extra-arg=-Wno-delayed-template-parsing-in-cxx20 "$1" >"$stamp.log" 2>&1; then
    rm -f "$stamp.log"
    touch "$stamp"
  else
    cat "$stamp.log"
    return 1
  fi
}
export -f check
export passed
mapfile -t units < <(grep -o '"file": "[^"]*"' "$build/compile_commands.json" | cut -d'"' -f4 | sort -u | grep '\.cpp$')
printf '%s\0' "${units[@]}" | xargs -0 -P "$(nproc)" -I{} bash -c 'check "$@"' _ {} "$rules" "$passed"
echo "${#units[@]} files are clean"
