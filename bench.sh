#!/usr/bin/env bash
# Measures: what each piece costs (Google Benchmark), sr25519 beside py-sr25519-bindings, and echo through the whole
# pipeline beside the published Python server. Compare figures of one run only. What is promised of time is judged here, by
# ratios of rounds taken by turns and their ranks; the exit code tells if a promise is broken.
set -euo pipefail
cd "$(dirname "$0")"

etc/setup.sh test
mkdir -p build
cmake --preset release >build/bench.log
cmake --build --preset release --target all bench_framing bench_wire bench_model bench_access bench_quota bench_replay bench_executor >>build/bench.log || { cat build/bench.log >&2; exit 1; }
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

broken=0
echo "== sr25519: is a check cheap?"
python3 -B tests/bench/sr25519_is_cheap.py build/release/bench/bench_wire || broken=1
echo "== framing: is it linear?"
python3 -B tests/bench/framing_is_linear.py build/release/bench/bench_framing || broken=1
export DOJO_HOST=build/release/bin/dojo-host DOJO_PLUGINS=build/release/plugins DOJO_ATTACKS=build/release/tests/attacks \
  DOJO_CHAOS_LOAD=build/release/tests/chaos/chaos_load DOJO_CHAOS_PLUGINS=build/release/tests/chaos
echo "== attacks: what a refusal costs, and how long honest callers wait"
python3 -B tests/attacks/attacks.py cost latency || broken=1
echo "== replacing a plugin: how long callers wait"
python3 -B tests/chaos/chaos.py replace --latency || broken=1
exit "$broken"
