"""Whether a byte of a long head in small pieces costs as much as one of a short head.

    python framing_is_linear.py BENCH_FRAMING
"""

import collections
import json
import subprocess
import sys

from ranks import at_most, median

KINDS = ["many headers", "one long header", "many requests"]


def main():
    done = subprocess.run(
        [sys.argv[1], "--benchmark_format=json", "--benchmark_repetitions=9", "--benchmark_min_time=0.05"]
        + ["--benchmark_enable_random_interleaving=true"],
        stdout=subprocess.PIPE,
        check=True,
    )
    speeds = collections.defaultdict(list)
    for row in json.loads(done.stdout)["benchmarks"]:
        if row["run_type"] == "iteration":
            speeds[row["run_name"]].append(row["bytes_per_second"])
    broken = False
    for kind, name in enumerate(KINDS):
        short, long = ([1e9 / speed for speed in speeds[f"take/{kind}/{size}/64"]] for size in (14_000, 56_000))
        holds = at_most(long, short, 2)  # four times as long: quadratic would be four times as dear
        broken |= not holds
        print(f"{'ok' if holds else 'BROKEN':7} {name:16} {median(short):6.2f} ns a byte of 14 KB, "
              f"{median(long):6.2f} ns of 56 KB")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
