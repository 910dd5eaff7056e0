#!/usr/bin/env bash
# Fails if plugin.h is another ABI than the one written down.
#   tests/abi/check.sh PRINT_ABI HEADER BASELINE
set -euo pipefail
print_abi=${1:?usage: check.sh PRINT_ABI HEADER BASELINE} header=$2 baseline=$3
now=$(mktemp)
trap 'rm -f "$now"' EXIT
"$print_abi" >"$now"

# Whatever the header declares has to be among what is printed, or a change of it would not be seen.
code=$(sed -E ':a;N;$!ba;s@/\*([^*]|\*+[^*/])*\*+/@@g' "$header")
forgotten=0
for word in $(
  grep -oE '^#define DOJO_[A-Z_]+' <<<"$code" | awk '{print $2}' | grep -v '^DOJO_PLUGIN_H$'
  grep -oE 'DOJO_[A-Z_]+ = ' <<<"$code" | cut -d' ' -f1
  grep -oE '[A-Za-z_][A-Za-z0-9_]*(\[[0-9]+\])?;' <<<"$code" | grep -oE '^[A-Za-z0-9_]+'
  grep -E '^  [a-z]' <<<"$code" | grep -oE '^  [a-z0-9_ ]+\*? ?\(\*[a-z_]+\)' | grep -oE '[a-z_]+\)' | tr -d ')'
); do
  grep -qw -- "$word" "$now" && continue
  echo "plugin.h declares $word, which print_abi.c does not print: add it there"
  forgotten=1
done
declared=$(grep -cE '^ .*;' <<<"$code") printed=$(grep -cE '^  [a-z]\S* at ' "$now")
if [ "$declared" -ne "$printed" ]; then
  echo "plugin.h declares $declared fields, print_abi.c prints $printed: add what is missing there"
  forgotten=1
fi
[ $forgotten -eq 0 ] || exit 1

diff -u "$baseline" "$now" && exit 0
cat <<END

plugin.h is not the ABI that ${baseline##*/} has. Plugins that are built and running depend on it:
  - Within a major version a table only grows at its end, and values are only added. Raise DOJO_ABI_MINOR, write down
    the new state (print_abi > ${baseline##*/}), and see that the change to that file has sizes that grew and lines that
    are new, and nothing else.
  - Anything else (a field moved, removed, or of another type; a value changed) is a new major version: DOJO_ABI_MAJOR,
    a new baseline beside this one, and every plugin is to be built anew. Rather add a field, an extension, or a
    revision of one.
docs/plugin-abi.md has the rules at length.
END
exit 1
