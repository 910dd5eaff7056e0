#!/usr/bin/env bash
# Checks that every source is formatted by .clang-format and passes .clang-tidy.
#   etc/lint.sh BUILD_DIR [--deep]     a configured and built tree: its compile_commands.json says how each file is compiled
set -euo pipefail
depth=${2:-}
build=$(cd "${1:?usage: etc/lint.sh BUILD_DIR [--deep]}" && pwd)
cd "$(dirname "$0")/.."

status=0
mapfile -t sources < <(git ls-files --cached --others --exclude-standard '*.cpp' '*.hpp' '*.h' '*.c')
clang-format-19 --dry-run --Werror "${sources[@]}" && echo "${#sources[@]} files are formatted" || status=1
python3 -B etc/tidy.py "$build" $depth || status=1
exit "$status"
