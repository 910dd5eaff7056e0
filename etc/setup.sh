#!/usr/bin/env bash
# Installs what is missing of Debian 12's packages. Safe to run again and again.
#   etc/setup.sh run     what building and running need
#   etc/setup.sh test    that, and what tests, lint and benchmarks need (the default)
set -euo pipefail

run=(
  g++ cmake ninja-build ccache pkg-config
  libpistache-dev libboost-dev libzstd-dev libsodium-dev libdecaf-dev libsimdjson-dev rapidjson-dev libssl-dev
  libcurl4-openssl-dev libtomlplusplus-dev libcli11-dev libspdlog-dev libfmt-dev
  libelf-dev libseccomp-dev prometheus-cpp-dev
  liblmdb-dev
)
test=(
  libgtest-dev libgmock-dev libbenchmark-dev clang-19 clang-tidy-19 clang-format-19 libclang-rt-19-dev
  python3-venv zstd curl valgrind
)
case "${1:-test}" in
  run) packages=("${run[@]}") ;;
  test) packages=("${run[@]}" "${test[@]}") ;;
  *) echo "usage: etc/setup.sh [run|test]" >&2; exit 2 ;;
esac

installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${binary:Package}\n' 2>/dev/null | sed -n 's/^ii *//p' | sed 's/:.*//')
missing=()
for package in "${packages[@]}"; do
  grep -qxF "$package" <<<"$installed" || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

echo "installing: ${missing[*]}"
sudo=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "run etc/setup.sh as root: it installs packages, and there is no sudo" >&2; exit 1; }
  sudo=(sudo)
fi
export DEBIAN_FRONTEND=noninteractive
"${sudo[@]}" apt-get update -q
"${sudo[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}"
