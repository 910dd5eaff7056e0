"""How many instructions each stage of a request costs, as valgrind counts them, beside those on record.

    python instructions.py BENCH_STAGES [--rebase]

Exits with 1 if a stage costs more than 5 % more than instructions.json says. --rebase writes that file. Unlike times, these
figures do not depend on what else the machine does; they depend on compiler, libraries, and what the processor can do.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

RECORD = Path(__file__).with_name("instructions.json")
MORE = 1.05  # of what is on record
LIBRARIES = ("libzstd1", "libsimdjson14", "libsodium23", "libdecaf0", "libc6", "libstdc++6")


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def stages(program):
    """(name, how often it is run)"""
    for line in output(program).splitlines():
        name, times = line.split("\t")
        yield name, int(times)


def count(program, stage):
    """Within dojo_stage(), over all runs."""
    with tempfile.TemporaryDirectory() as folder:
        counted = Path(folder) / "out"
        subprocess.run(
            ["valgrind", "--quiet", "--tool=callgrind", "--toggle-collect=dojo_stage", f"--callgrind-out-file={counted}", program, stage],
            env=os.environ | {"LD_BIND_NOW": "1"},  # else a function's first call counts its look-up
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return int(re.search(r"^(?:totals|summary): (\d+)", counted.read_text(), re.MULTILINE)[1])


def made_with():
    """What the figures depend on."""
    flags = re.search(r"^flags\s*:(.*)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    versions = output("dpkg-query", "-W", "-f", "${Package} ${Version}\n", "g++", "valgrind", *LIBRARIES)
    return {
        "machine": platform.machine(),
        "simd": [word for word in ("avx2", "bmi2") if flags and word in flags[1].split()],
        "packages": dict(line.split() for line in versions.splitlines()),
    }


def judge(name, now, before):
    """A line; False if it costs too much."""
    holds = before is None or now <= before * MORE
    change = "new" if before is None else f"{now / before - 1:+.1%}"
    print(f"{'ok' if holds else 'BROKEN':7} {name:24} {now:12,} instructions, {change}", flush=True)
    return holds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("--rebase", action="store_true")
    arguments = parser.parse_args()
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {"with": None, "stages": {}}
    here = made_with()
    if record["with"] != here and not arguments.rebase:
        print("The record was made with other packages or another processor: --rebase on the commit before, and compare with that.")
    whole = True
    seen = {}
    for name, times in stages(arguments.program):
        seen[name] = count(arguments.program, name) // times
        whole &= judge(name, seen[name], record["stages"].get(name))
    if arguments.rebase:
        RECORD.write_text(json.dumps({"with": here, "stages": seen}, indent=1) + "\n")
    sys.exit(0 if whole or arguments.rebase else 1)


if __name__ == "__main__":
    main()
