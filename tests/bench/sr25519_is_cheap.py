"""Whether checking an sr25519 signature is as cheap as promised, beside the same by three calls of libsodium's.

    python sr25519_is_cheap.py BENCH_WIRE
"""

import collections
import json
import subprocess
import sys

from ranks import at_most

PROMISED = {"check_known_key": 0.55, "check_unknown_key": 0.7}  # of check_by_libsodium


def main():
    done = subprocess.run(
        [sys.argv[1], "--benchmark_filter=check_.*_key|by_libsodium|of_libsodium|make_table", "--benchmark_format=json"]
        + ["--benchmark_repetitions=15", "--benchmark_min_time=0.03", "--benchmark_enable_random_interleaving=true"],
        stdout=subprocess.PIPE,
        check=True,
    )
    times = collections.defaultdict(list)
    for row in json.loads(done.stdout)["benchmarks"]:
        if row["run_type"] == "iteration":
            times[row["run_name"]].append(row["cpu_time"] / 1000)
    before = times["check_by_libsodium"]
    broken = False
    for name, rounds in times.items():
        holds = name not in PROMISED or at_most(rounds, before, PROMISED[name])
        broken |= not holds
        print(f"{'ok' if holds else 'BROKEN':7} {name:26} {min(rounds):7.1f} µs at best, {min(rounds) / min(before):.3f} of libsodium's")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
