#!/usr/bin/env bash
# Checks that the target `product` builds every file that `cmake --install` wants of the build.
#   tests/install/product.sh BUILD_DIR
set -euo pipefail
cd "${1:?usage: product.sh BUILD_DIR}"

built=$(ninja -t query product | sed -n 's/^    //p')
wanted=$(find . -name cmake_install.cmake -exec grep -ho "\"$PWD/[^\"]*\"" {} + | tr -d '"' | sort -u)
count=0
while read -r file; do
  # What CMake itself has written, it writes at every configuration.
  ninja -t query "${file#"$PWD"/}" >/dev/null 2>&1 || continue
  count=$((count + 1))
  grep -qxF "${file#"$PWD"/}" <<<"$built" || { echo "installed, but not built by \`product\`: $file" >&2; exit 1; }
done <<<"$wanted"
[ "$count" -ge 8 ] || { echo "only $count of the build's files are installed: this check sees too little" >&2; exit 1; }
echo "$count files"
