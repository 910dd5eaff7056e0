#!/usr/bin/env bash
# Measures. What is promised of time is judged by ratios of rounds taken by turns and their ranks, and what is promised of
# work by instructions; the exit code tells if a promise is broken.
#   ./bench.sh                  what each piece costs (Google Benchmark), sr25519 beside py-sr25519-bindings, echo beside the
#                               published Python server, and whether what is promised of time holds
#   ./bench.sh --peers [--quick | --all] [--only NAMES] [--rounds N] [--json FILE] [--from FILE] [--write] [--list]
#                               echo beside other servers: docs/benchmarks/peers.md. --quick: a few minutes; --write
#                               puts the figures there. Needs cargo 1.88 for those in Rust; a peer that cannot be installed
#                               is named and left out
#   ./bench.sh --instructions [--rebase]
#                               how many instructions each stage of a request costs (valgrind), beside those on record
set -euo pipefail
cd "$(dirname "$0")"

usage() { sed -n '2,/^set /s/^# \{0,1\}//p' bench.sh; }
mode=${1:-pieces}
case "$mode" in
  -h | --help) usage; exit ;;
  pieces | --peers | --instructions) ;;
  *) usage >&2; exit 2 ;;
esac

etc/setup.sh test
mkdir -p build
cmake --preset release >build/bench.log
build() { cmake --build --preset release --target "$@" >>build/bench.log || { cat build/bench.log >&2; exit 1; }; }
export DOJO_HOST=build/release/bin/dojo-host DOJO=build/release/bin/dojo DOJO_PLUGINS=build/release/plugins \
  DOJO_BENCH=build/release/bench PYTHONPATH=tests/bench

if [[ $mode == --peers ]]; then
  build product bench_load bench_alone
  exec python3 -B -m peers "${@:2}"
elif [[ $mode == --instructions ]]; then
  build bench_stages
  exec python3 -B tests/bench/instructions.py build/release/bench/bench_stages "${@:2}"
fi

pieces=(wire model access quota replay executor)
build all bench_framing "${pieces[@]/#/bench_}" bench_load bench_alone
tests/interop/venv.sh build/release/interop-venv tests/interop/requirements.txt

for name in "${pieces[@]}"; do
  echo "== $name"
  build/release/bench/bench_$name --benchmark_min_time=0.2 2>/dev/null
done
broken=0
echo "== sr25519 beside py-sr25519-bindings"
build/release/interop-venv/bin/python tests/bench/sr25519_vs_python.py build/release/tests/sr25519_crosscheck
echo "== echo beside the Python server"
python3 -B -m peers --only dojo-messaging,dojo-messaging+sr25519 || broken=1

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
