#!/usr/bin/env bash
# Measures: what each piece costs (Google Benchmark), sr25519 beside py-sr25519-bindings, and echo through the whole
# pipeline beside the published Python server. Compare figures of one run only.
set -euo pipefail
cd "$(dirname "$0")"

etc/setup.sh test
mkdir -p build
cmake --preset release >build/bench.log
cmake --build --preset release --target all bench_wire bench_model bench_access bench_quota bench_replay bench_executor >>build/bench.log || { cat build/bench.log >&2; exit 1; }
tests/interop/venv.sh build/release/interop-venv tests/interop/requirements.txt

for name in wire model access quota replay executor; do
  echo "== $name"
  build/release/bench/bench_$name --benchmark_min_time=0.2 2>/dev/null
done
echo "== sr25519 beside py-sr25519-bindings"
build/release/interop-venv/bin/python tests/bench/sr25519_vs_python.py build/release/tests/sr25519_crosscheck
echo "== echo beside the Python server"
DOJO_HOST=build/release/bin/dojo-host DOJO=build/release/bin/dojo DOJO_PLUGINS=build/release/plugins \
  build/release/interop-venv/bin/python tests/bench/echo_vs_python.py
