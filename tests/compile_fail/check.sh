#!/usr/bin/env bash
# check.sh FILE COMPILER FLAG…: what FILE gets wrong ends its compilation, with the words of its
# `// says:` lines and with no more than three errors.
set -euo pipefail
file=$1
shift
most=3
if output=$(LC_ALL=C "$@" -std=c++20 -fsyntax-only -Wall -Wextra "$file" 2>&1); then
  echo "it compiles: $file"
  exit 1
fi
wrong=""
wanted=$(sed -n 's|^// says: ||p' "$file")
[ -n "$wanted" ] || wrong="it has no \`// says:\` line"
while IFS= read -r text; do
  grep -qF -- "$text" <<<"$output" || wrong="it does not say: $text"
done <<<"$wanted"
errors=$(grep -cE '(^|: )(fatal )?error: ' <<<"$output") || true
[ "$errors" -le "$most" ] || wrong="it says $errors errors, more than $most"
[ -z "$wrong" ] && exit 0
printf '%s\n\n%s\n' "$wrong" "$output"
exit 1
