#!/bin/sh
# venv.sh FOLDER REQUIREMENTS: a Python environment with these packages; nothing to do if it is there already. Safe to
# run several times at once: the others wait for the first.
set -eu
folder=$1
requirements=$2

mkdir -p "$(dirname "$folder")"
exec 9>"$folder.lock"
flock 9

stamp=$({ cat "$requirements"; python3 --version; } | sha256sum | cut -d' ' -f1)
if [ "$(cat "$folder/stamp" 2>/dev/null || true)" = "$stamp" ] && [ -x "$folder/bin/python" ]; then
  exit 0
fi
rm -rf "$folder"
if ! python3 -m venv "$folder"; then
  echo "interop tests need python3 with venv (Debian: python3-venv)" >&2
  exit 1
fi
"$folder/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
echo "$stamp" >"$folder/stamp"
