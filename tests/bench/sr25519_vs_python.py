"""Signing and checking with dojo::wire and with py-sr25519-bindings (schnorrkel), by turns in one run: microseconds of
processor time.

    python sr25519_vs_python.py PROGRAM [COUNT]

PROGRAM is what tests/interop/sr25519_crosscheck.cpp builds to. Each figure is the least of five rounds of COUNT.
"""

import os
import subprocess
import sys
import time

import sr25519

SIZES = [0, 1024, 65536]
ROUNDS = 5


def ours(program, count, size):
    answer = subprocess.run(
        [program], input=f"bench {count} {size}\n", capture_output=True, text=True, check=True
    ).stdout
    sign, verify = answer.split()
    return float(sign), float(verify)


def each(count, action):
    begin = time.process_time()
    for _ in range(count):
        action()
    return (time.process_time() - begin) / count * 1e6


def theirs(count, size):
    pair = sr25519.pair_from_seed(os.urandom(32))
    message = b"m" * size
    signature = sr25519.sign(pair, message)
    assert sr25519.verify(signature, message, pair[0])
    return (
        each(count, lambda: sr25519.sign(pair, message)),
        each(count, lambda: sr25519.verify(signature, message, pair[0])),
    )


def main():
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    program = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    print(f"{'message':>10}  {'':8}  {'sign µs':>9}  {'verify µs':>9}")
    for size in SIZES:
        rounds = [(ours(program, count, size), theirs(count, size)) for _ in range(ROUNDS)]
        for name, figures in zip(("dojo", "python"), zip(*rounds)):
            sign, verify = (min(column) for column in zip(*figures))
            print(f"{size:>8} B  {name:8}  {sign:9.1f}  {verify:9.1f}")


if __name__ == "__main__":
    main()
