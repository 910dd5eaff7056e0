"""A host under saturating load while its plugin is replaced, or its worker is killed, again and again.

    DOJO_HOST=… DOJO_CHAOS_LOAD=… DOJO_CHAOS_PLUGINS=… DOJO_PLUGINS=… python chaos.py replace [--replacements N] [--seconds S]
    … python chaos.py kill [--kills N] [--seconds S]

Exits with 0 if every promise held, and prints what was seen. The short forms are part of the tests; give longer times to
let it run for an hour.
"""

import argparse
import bisect
import collections
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "interop"))
sys.path.insert(0, str(Path(__file__).parent.parent / "bench"))
from processes import DojoHost, wait_until  # noqa: E402
from ranks import at_most, median  # noqa: E402

Request = collections.namedtuple("Request", "end latency generation instance version outcome")


class Load:
    """chaos_load against a host, until its requests are asked for."""

    def __init__(self, host, model, concurrency):
        self.popen = subprocess.Popen(
            [os.environ["DOJO_CHAOS_LOAD"], str(host.port), host.hotkey, model, str(concurrency)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def requests(self):
        out, _ = self.popen.communicate()  # which ends its standard input
        assert self.popen.returncode == 0
        rows = (line.split(" ", 5) for line in out.splitlines())
        return [Request(float(e), int(t), int(g), int(i), int(v), o) for e, t, g, i, v, o in rows]


def put(folder, version, serial):
    """Drops a version into the folder as `mv` does: the same code, but a file that was never there before."""
    part = folder / "which.part"
    shutil.copyfile(Path(os.environ["DOJO_CHAOS_PLUGINS"]) / f"which_{version}.so", part)
    with part.open("ab") as file:
        file.write(f"copy {serial}".encode())  # behind the end of what the ELF headers tell of
    part.rename(folder / "which.so")


def plugins_of(host):
    """What `dojo-host ctl plugins` shows, without starting a program each time: that would be felt."""
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(str(host.config.parent / "state/control"))
        control.sendall(b'{"command":"plugins"}\n')
        answer = b"".join(iter(lambda: control.recv(65536), b""))
    return json.loads(answer)["result"]


def rows(host, name="which", state="active"):
    return [row for row in plugins_of(host) if row["name"] == name and row["state"] == state]


def left_behind(host):
    """What grows if a generation does not go."""
    proc = Path(f"/proc/{host.popen.pid}")
    maps = proc.joinpath("maps").read_text()
    return {
        "descriptors": len(list(proc.joinpath("fd").iterdir())),
        "mapped plugins": sum("/staged/" in line for line in maps.splitlines()),
        "threads": len(list(proc.joinpath("task").iterdir())),
        "staged files": len(list((host.config.parent / "state/plugins/staged").iterdir())),
    }


def p99(latencies):
    return statistics.quantiles(latencies, n=100)[98] if len(latencies) > 1 else 0


def latencies_by_swap(requests, swaps):
    """For each swap that has both: latencies of requests that it met, and of those between it and the next."""
    within = [[] for _ in swaps]
    outside = [[] for _ in swaps]
    begins = [begin for begin, _ in swaps]
    for request in requests:
        at = bisect.bisect_right(begins, request.end) - 1  # the last swap that began before its end
        if at < 0:
            continue
        met = request.end - request.latency / 1e6 <= swaps[at][1]
        (within if met else outside)[at].append(request.latency)
    both = [(a, b) for a, b in zip(within, outside) if len(a) > 1 and len(b) > 1]
    return [a for a, _ in both], [b for _, b in both]


def check(what, holds, failures):
    print(f"  {'ok' if holds else 'BROKEN':7} {what}")
    if not holds:
        failures.append(what)


def replace(folder, options):
    config = "[reload]\ndebounce_ms = 20\nprobation_s = 0\n"
    plugins = folder / "plugins"
    plugins.mkdir()
    put(plugins, 1, 0)
    host = DojoHost(folder / "host", config, plugins)
    warm = Load(host, "Which", 16)
    time.sleep(1)
    warm = warm.requests()
    assert warm and all(request.outcome == "ok" for request in warm), collections.Counter(r.outcome for r in warm)
    before = left_behind(host)

    load = Load(host, "Which", 16)
    pause = options.seconds / options.replacements
    swaps, to_first_answer = [], []
    for serial in range(1, options.replacements + 1):
        begin = time.time()
        old = rows(host)[0]["generation"]
        put(plugins, 1 + serial % 2, serial)
        moved = time.time()
        wait_until(lambda: rows(host)[0]["generation"] != old, "the next generation", 20)
        swaps.append((begin, time.time()))
        to_first_answer.append((moved, rows(host)[0]["generation"]))
        time.sleep(max(0, pause - (time.time() - begin)))
    requests = load.requests()
    wait_until(lambda: not rows(host, state="draining"), "all old generations to go", 20)
    after = settle(host, before)

    outcomes = collections.Counter(request.outcome for request in requests)
    by_generation = collections.defaultdict(set)
    first_answer = {}
    for request in requests:
        if request.outcome != "ok":
            continue
        by_generation[request.generation].add((request.instance, request.version))
        first_answer[request.generation] = min(first_answer.get(request.generation, request.end), request.end)
    met, unmet = latencies_by_swap(requests, swaps)
    delays = [first_answer[g] - moved for moved, g in to_first_answer if g in first_answer]

    print(f"{len(requests)} requests, {len(swaps)} replacements, {dict(outcomes)}")
    print(f"from mv to the first answer by the new code: median {statistics.median(delays) * 1e3:.0f} ms, "
          f"most {max(delays) * 1e3:.0f} ms (the debounce is 20 ms of it)")
    within, outside = [p99(some) for some in met], [p99(some) for some in unmet]
    if within:
        print(f"p99 within a swap {median(within) / 1e3:.2f} ms, "
              f"outside {median(outside) / 1e3:.2f} ms (medians of {len(within)})")
    print(f"before {before}\nafter  {after}")
    failures = []
    check(f"{options.replacements} generations took over", len(delays) >= options.replacements * 0.98, failures)
    check("0 failed", set(outcomes) <= {"ok", "misrouted"}, failures)
    check("0 misrouted", "misrouted" not in outcomes, failures)
    mixed = [g for g, seen in by_generation.items() if len(seen) != 1]
    check("0 answered by a mixed version", not mixed, failures)
    if options.latency:  # 3 ms are what a shared machine's scheduler may add by itself
        check("p99 within a swap at most twice that outside", at_most(within, outside, 2, 3_000), failures)
    check("nothing is left of the old generations", after == before, failures)
    check("none is pinned", not rows(host, state="pinned"), failures)
    host.stop()
    return failures


def settle(host, wanted):
    """What is left behind, once it is as wanted, or after a while."""
    end = time.monotonic() + 10
    while (now := left_behind(host)) != wanted and time.monotonic() < end:
        time.sleep(0.05)
    return now


def kill(folder, options):
    config = '[run.which]\nisolation = "process"\nrestart_most_ms = 20\n'
    plugins = folder / "plugins"
    plugins.mkdir()
    put(plugins, 1, 0)
    shutil.copy(Path(os.environ["DOJO_PLUGINS"]) / "echo.so", plugins)
    host = DojoHost(folder / "host", config, plugins)
    before = left_behind(host)
    load, others = Load(host, "Which", 8), Load(host, "Echo", 4)
    killed = 0
    pause = options.seconds / options.kills
    for _ in range(options.kills):
        begin = time.time()
        pid = wait_until(lambda: (found := rows(host)) and found[0]["pid"], "a worker", 20)
        try:
            os.kill(pid, signal.SIGKILL)
            killed += 1
        except ProcessLookupError:
            pass
        time.sleep(max(0, pause - (time.time() - begin)))
    requests, bystanders = load.requests(), others.requests()
    after = settle(host, before)
    outcomes = collections.Counter(request.outcome for request in requests)
    print(f"{len(requests)} requests, {killed} workers killed, {dict(outcomes)}; "
          f"the other plugin: {len(bystanders)} requests, {dict(collections.Counter(r.outcome for r in bystanders))}")
    print(f"before {before}\nafter  {after}")
    failures = []
    check(f"{options.kills} workers were killed", killed >= options.kills * 0.98, failures)
    check("every request was answered, if only with its worker's death", set(outcomes) <= {"ok", "internal"}, failures)
    check("some were answered well", outcomes["ok"] > 0, failures)
    check("the other plugin lost none", all(request.outcome == "ok" for request in bystanders), failures)
    check("nothing is left of the dead workers", after == before, failures)
    host.stop()
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    replacing = kinds.add_parser("replace")
    replacing.add_argument("--replacements", type=int, default=100)
    replacing.add_argument("--seconds", type=float, default=40, help="that they are spread over")
    replacing.add_argument("--latency", action="store_true", help="judge the latency too; bench.sh does")
    killing = kinds.add_parser("kill")
    killing.add_argument("--kills", type=int, default=200)
    killing.add_argument("--seconds", type=float, default=20, help="that they are spread over")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        failures = {"replace": replace, "kill": kill}[options.kind](Path(folder), options)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
