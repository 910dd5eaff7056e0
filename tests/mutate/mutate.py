"""Breaks the code in small ways, one at a time, and tells which of them no test notices.

    python3 tests/mutate/mutate.py [AREA…] [--sample N] [--seed S] [--file PART] [--list]

An AREA is sdk/wire, host/net, host/policy or host/request (default: all). Works in a copy of what is committed, in
build/mutate, so that the tree can be worked in meanwhile; what came of each mutant is kept there, and not tried again
until its file or the tests of its area change. Not part of test.sh: a mutant costs a compilation, a link and a run of
its area's tests. Exits with 1 if a mutant survives that equivalent.txt does not explain.
"""

import argparse
import collections
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
WORK = ROOT / "build/mutate"
TREE = WORK / "tree"
# By area: the test programs that have to notice, with what of them concerns it.
AREAS = {
    "sdk/wire": {"test_wire": "*", "test_known_keys": "*"},
    "host/net": {"test_net": "*"},
    "host/policy": {"test_policy": "*"},
    "host/request": {
        "test_host": "Accepts*:Admi*:Answer*:Authenticat*:Dispatch*:Epistula*:Exchange*:Executor*:*FairQueue*:HttpStatus*:InFlight*:KilledHost*:Pipeline*:Refusal*:Route*:Server*:SharedExecutor*:TaskOrder*",
        "test_shortage": "*",
    },
}

# Where the tests of an area are. Those of x.cpp in x_test.cpp are tried first: most mutants end there.
TESTS = {"sdk/wire": "wire", "host/net": "net", "host/policy": "policy", "host/request": "host"}
# A program's tests wait more than they compute: this many processes share them.
SHARDS = 6

Mutant = collections.namedtuple("Mutant", "file line before after")


# ---- what may be broken

SWAPS = {
    " < ": [" <= "], " <= ": [" < "], " > ": [" >= "], " >= ": [" > "], " == ": [" != "], " != ": [" == "],
    " && ": [" || "], " || ": [" && "], " + ": [" - "], " - ": [" + "], " * ": [" / "], " << ": [" >> "],
    " += ": [" -= "], " -= ": [" += "], "++": ["--"], "true": ["false"], "false": ["true"],
}
SWAP = re.compile("|".join(
    (rf"\b{re.escape(word)}\b" if word.isalpha() else re.escape(word))
    for word in sorted(SWAPS, key=len, reverse=True)
))
NUMBER = re.compile(r"(?<![\w.'])(0x[0-9a-fA-F']+|\d[\d']*)(?=[uUlLzZ]*(?![\w.']))")
CONDITION = re.compile(r"^(\s*(?:\} else )?(?:if|while) \()(.*)(\) (?:\{|continue;|break;|return.*;)?)\s*$")
GUARD = re.compile(r"^\s*if \(.*\) (?:return.*|continue|break|throw .*|\S.*\(.*\));$")
STATEMENT = re.compile(r"^\s*(?:[\w.\->\[\]:*]+(?:\(.*\)|(?:\s[-+|&]?=\s.*)|\+\+|--)|(?:\+\+|--)[\w.\->]+);$")
KEPT = re.compile(r"^\s*(?:#|//|///|case |default:|using |template|static_assert|namespace|return;|public:|private:)")


def masked(line, in_comment):
    """The line with strings, characters and comments blanked out, so that only code is changed."""
    out, at, quote = [], 0, None
    while at < len(line):
        two = line[at:at + 2]
        if in_comment:
            if two == "*/":
                in_comment = False
                out.append("  ")
                at += 2
                continue
            out.append(" ")
        elif quote:
            if line[at] == "\\":
                out.append("  ")
                at += 2
                continue
            if line[at] == quote:
                quote = None
            out.append(" ")
        elif two == "//":
            out.append(" " * (len(line) - at))
            break
        elif two == "/*":
            in_comment = True
            out.append(" ")
        elif line[at] == '"' or (line[at] == "'" and not (at and line[at - 1].isalnum())):
            quote = line[at]
            out.append(" ")
        else:
            out.append(line[at])
        at += 1
    return "".join(out)[:len(line)].ljust(len(line)), in_comment


def of_line(line, code):
    """All ways to break one line."""
    def put(match_start, match_end, text):
        return line[:match_start] + text + line[match_end:]

    for found in SWAP.finditer(code):
        for other in SWAPS[found[0]]:
            yield put(*found.span(), other)
    for found in NUMBER.finditer(code):
        digits = found[1].replace("'", "")
        value = int(digits, 8 if digits.isdigit() and digits.startswith("0") else 0)
        yield put(found.start(1), found.end(1), str(value + 1))
    if condition := CONDITION.match(code):
        if ";" not in condition[2] and condition[2].count("(") == condition[2].count(")"):
            yield put(condition.start(2), condition.end(2), "!(" + line[condition.start(2):condition.end(2)] + ")")
    indent = line[:len(line) - len(line.lstrip())]
    if GUARD.match(code) or STATEMENT.match(code):
        yield indent + ";"


def mutants(area, part):
    for path in sorted((TREE / area).rglob("*.cpp")):
        name = str(path.relative_to(TREE))
        if part not in name:
            continue
        in_comment = False
        for number, line in enumerate(path.read_text().split("\n"), 1):
            code, in_comment = masked(line, in_comment)
            if KEPT.match(line) or not code.strip():
                continue
            seen = {line}
            for after in of_line(line, code):
                if after not in seen:
                    seen.add(after)
                    yield Mutant(name, number, line.strip(), after.strip())


# ---- trying

def start(command, **options):
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, **options)


def end(process):
    """Whatever it started ends with it."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def quiet(command, **options):
    """Its exit code."""
    started = start(command, **options)
    try:
        return started.wait()
    finally:
        end(started)


def prepare():
    WORK.mkdir(parents=True, exist_ok=True)
    if not TREE.exists():
        subprocess.run(["git", "clone", "-q", "--shared", ROOT, TREE], check=True)
    subprocess.run(["git", "fetch", "-q", "origin", "HEAD"], cwd=TREE, check=True)
    subprocess.run(["git", "checkout", "-q", "--force", "--detach", "FETCH_HEAD"], cwd=TREE, check=True)
    (TREE / "build").mkdir(exist_ok=True)
    if quiet(["cmake", "--preset", "release"], cwd=TREE) != 0:
        sys.exit("the tree cannot be configured")


def build(targets, **environment):
    command = ["cmake", "--build", "--preset", "release", "--target", *targets]
    return quiet(command, cwd=TREE, env=os.environ | environment) == 0


def shared(program, tests, seconds):
    """How a program's tests end: passed, failed or hung. The first that fails ends them all."""
    command = [TREE / "build/release/tests" / program, "--gtest_brief=1", "--gtest_fail_fast", f"--gtest_filter={tests}"]
    until = time.monotonic() + seconds
    shards = [
        start(command, cwd=WORK, env=os.environ | {"GTEST_TOTAL_SHARDS": str(SHARDS), "GTEST_SHARD_INDEX": str(index)})
        for index in range(SHARDS)
    ]
    try:
        while True:
            codes = [shard.poll() for shard in shards]
            if any(codes):
                return "failed"
            if None not in codes:
                return "passed"
            if time.monotonic() > until:
                return "hung"
            time.sleep(0.02)
    finally:
        for shard in shards:
            end(shard)


def run(area, seconds, first=None):
    """How the area's tests end, the `first` of them before the others."""
    programs = AREAS[area]
    if first and (outcome := shared(next(iter(programs)), first, seconds)) != "passed":
        return outcome
    for program, tests in programs.items():
        if (outcome := shared(program, tests, seconds)) != "passed":
            return outcome
    return "passed"


def own_tests(area, mutant):
    """A filter for the tests in the test of its file, if it has one."""
    path = TREE / "tests/unit" / TESTS[area] / (Path(mutant.file).stem + "_test.cpp")
    suites = re.findall(r"^TEST(?:_F|_P)?\((\w+)", path.read_text(), re.MULTILINE) if path.exists() else []
    return ":".join(f"{suite}.*:*/{suite}.*" for suite in dict.fromkeys(suites))


def tried(area, mutant, bounds):
    path = TREE / mutant.file
    original = path.read_text()
    lines = original.split("\n")
    old = lines[mutant.line - 1]
    lines[mutant.line - 1] = old[:len(old) - len(old.lstrip())] + mutant.after
    path.write_text("\n".join(lines))
    try:
        # No mutant comes twice, so ccache keeps none; what is put back afterwards is there.
        if not build(AREAS[area], CCACHE_READONLY="1"):
            return "does not compile"
        outcome = run(area, bounds[area], own_tests(area, mutant))
        return "survived" if outcome == "passed" else outcome
    finally:
        path.write_text(original)


def key(area, mutant):
    """Changes with the mutant's file and with the tests of its area."""
    digest = hashlib.sha256(repr(mutant).encode())
    for path in [TREE / mutant.file, *sorted((TREE / "tests/unit" / TESTS[area]).rglob("*.?pp"))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:24]


def explained():
    """Lines of equivalent.txt: FILE: BEFORE => AFTER ## why"""
    rows = (Path(__file__).parent / "equivalent.txt").read_text().splitlines()
    return {row.split(" ## ")[0].strip() for row in rows if row and not row.startswith("#")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("areas", nargs="*", metavar="AREA", help=", ".join(AREAS))
    parser.add_argument("--sample", type=int, help="mutants of each area, drawn by chance; all where it is not given")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--file", default="", help="only files whose name holds this")
    parser.add_argument("--list", action="store_true", help="print the mutants, and that is all")
    options = parser.parse_args()
    areas = options.areas or list(AREAS)
    if unknown := set(areas) - set(AREAS):
        parser.error(f"no such area: {', '.join(unknown)}")
    prepare()
    chosen = []
    for area in areas:
        all_of_it = list(mutants(area, options.file))
        some = random.Random(options.seed).sample(all_of_it, min(options.sample or len(all_of_it), len(all_of_it)))
        chosen += [(area, mutant) for mutant in some]
        print(f"{area}: {len(all_of_it)} mutants, {len(some)} of them chosen", flush=True)
    if options.list:
        for _, mutant in chosen:
            print(f"{mutant.file}:{mutant.line}: {mutant.before} => {mutant.after}")
        return

    bounds = {}
    for area in areas:
        if not build(AREAS[area]):
            sys.exit(f"{area}: its tests cannot be built")
        begun = time.monotonic()
        if run(area, 3600) != "passed":
            sys.exit(f"{area}: its tests fail without a mutation")
        bounds[area] = 10 * (time.monotonic() - begun) + 30
    log = WORK / "results.jsonl"
    known = {row["key"]: row["outcome"] for row in map(json.loads, log.read_text().splitlines())} if log.exists() else {}
    counts, left, reasons = collections.defaultdict(collections.Counter), [], explained()
    for area, mutant in chosen:
        name = key(area, mutant)
        outcome = known.get(name) or tried(area, mutant, bounds)
        if name not in known:
            with log.open("a") as file:
                file.write(json.dumps({"key": name, "outcome": outcome, "area": area, **mutant._asdict()}) + "\n")
        text = f"{mutant.file}: {mutant.before} => {mutant.after}"
        if outcome == "survived" and text in reasons:
            outcome = "explained"
        counts[area][outcome] += 1
        if outcome == "survived":
            left.append(text)
            print(f"SURVIVED {mutant.file}:{mutant.line}: {mutant.before} => {mutant.after}", flush=True)
    for area, seen in counts.items():
        print(f"{area}: " + ", ".join(f"{count} {outcome}" for outcome, count in sorted(seen.items())))
    sys.exit(1 if left else 0)


if __name__ == "__main__":
    main()
