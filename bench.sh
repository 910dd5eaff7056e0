#!/usr/bin/env bash
# Measures: what each piece costs (Google Benchmark), sr25519 beside py-sr25519-bindings, and echo through the whole
# pipeline beside the published Python server. Compare figures of one run only. What is promised of time is judged here, by
# ratios of rounds taken by turns and their ranks; the exit code tells if a promise is broken.
#   ./bench.sh
#   ./bench.sh --peers [--quick] [--rounds N] [--json FILE]
#       only echo beside a server in Rust (tests/bench/peers/axum; needs cargo 1.85): docs/benchmarks/peers.md
set -euo pipefail
cd "$(dirname "$0")"

if [[ ${1:-} == --peers ]]; then
  cargo --version >/dev/null 2>&1 || { echo "bench.sh --peers needs cargo 1.85 or newer: https://rustup.rs" >&2; exit 2; }
  CARGO_TARGET_DIR=build/peers cargo build --locked --release --manifest-path tests/bench/peers/axum/Cargo.toml
elif (($#)); then
  echo "usage: ./bench.sh [--peers [--quick] [--rounds N] [--json FILE]]" >&2
  exit 2
fi

etc/setup.sh test
mkdir -p build
cmake --preset release >build/bench.log
export DOJO_HOST=build/release/bin/dojo-host DOJO=build/release/bin/dojo DOJO_PLUGINS=build/release/plugins
if [[ ${1:-} == --peers ]]; then
  cmake --build --preset release --target product >>build/bench.log || { cat build/bench.log >&2; exit 1; }
  exec python3 -B tests/bench/peers.py --axum build/peers/release/axum-peer "${@:2}"
fi
cmake --build --preset release --target all bench_framing bench_wire bench_model bench_access bench_quota bench_replay bench_executor >>build/bench.log || { cat build/bench.log >&2; exit 1; }
tests/interop/venv.sh build/release/interop-venv tests/interop/requirements.txt

for name in wire model access quota replay executor; do
  echo "== $name"
  build/release/bench/bench_$name --benchmark_min_time=0.2 2>/dev/null
done
echo "== sr25519 beside py-sr25519-bindings"
build/release/interop-venv/bin/python tests/bench/sr25519_vs_python.py build/release/tests/sr25519_crosscheck
echo "== echo beside the Python server"
build/release/interop-venv/bin/python -B tests/bench/peers.py --python --rounds 3

broken=0
echo "== sr25519: is a check cheap?"
python3 -B tests/bench/sr25519_is_cheap.py build/release/bench/bench_wire || broken=1
echo "== framing: is it linear?"
python3 -B tests/bench/framing_is_linear.py build/release/bench/bench_framing || broken=1
export DOJO_ATTACKS=build/release/tests/attacks \
  DOJO_CHAOS_LOAD=build/release/tests/chaos/chaos_load DOJO_CHAOS_PLUGINS=build/release/tests/chaos
echo "== attacks: what a refusal costs, and how long honest callers wait"
python3 -B tests/attacks/attacks.py cost latency || broken=1
echo "== replacing a plugin: how long callers wait"
python3 -B tests/chaos/chaos.py replace --latency || broken=1
exit "$broken"
