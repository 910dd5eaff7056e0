"""Echo through the whole pipeline: dojo-host beside other servers, by turns in one run, under the same load of `dojo batch`.

    DOJO_HOST=… DOJO=… DOJO_PLUGINS=… python peers.py [--axum PROGRAM] [--python] [--quick] [--rounds N] [--json FILE]

--axum PROGRAM   peers/axum: dojo/1 in plain JSON
--python         the published Python server, which asks a signing gateway on loopback to verify, as it ships; and one that
                 verifies with py-sr25519-bindings in its process, which is kinder to it than it is itself. Legacy dialect and
                 zstd, as its own client sends. Needs tests/interop/requirements.txt
--quick          three rounds, fewer cases and requests

What is compared is processor time of the server's process (all threads) per answer, which the load's own appetite does not
touch. Compare figures of one run only; `ratio` is dojo-host's time over the other's within each round.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from statistics import median
from typing import NamedTuple

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "interop"))
from processes import DojoHost, Process  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
# The client opens at most 10 connections to one name, so many connections take several names of one server. curl knows *.localhost.
PER_NAME = 8


class Case(NamedTuple):
    name: str
    length: int  # of the message in the body
    connections: int
    count: int
    slow_count: int = 0  # for servers that are slower by far
    quick: bool = False


PLAIN = [
    Case("256 B", 256 - 14, 32, 8_000),
    Case("1 KB", 1_000, 32, 8_000, quick=True),
    Case("1 KB", 1_000, 1, 3_000),
    Case("1 KB", 1_000, 256, 8_000),
    Case("8 KB", 8_000, 32, 6_000, quick=True),
    Case("256 KB", 256_000, 32, 800),
    Case("1 MB", 1_000_000, 32, 240, quick=True),
]
ZSTD = [
    Case("1 KB", 1_000, 32, 8_000, 600, quick=True),
    Case("1 MB", 1_000_000, 32, 200, 60, quick=True),
]


class Server(NamedTuple):
    process: Process
    port: int
    slow: bool = False


class Figures(NamedTuple):
    cpu_ms: list
    answers_per_s: list


def cpu_seconds(process):
    fields = Path(f"/proc/{process.popen.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def load(server, case, body, flags, count):
    """Milliseconds of the server's time per answer, and answers per second."""
    names = -(-case.connections // PER_NAME)
    repeat = max(count // names, 1)
    before = cpu_seconds(server.process)
    done = subprocess.run(
        [os.environ["DOJO"], "batch", "Echo", f"@{body}", "--repeat", str(repeat), "--concurrency", str(case.connections)]
        + [word for i in range(names) for word in ("--url", f"{i}.localhost:{server.port}")]
        + ["--no-preflight", "--retries", "1", "--timeout", "60", *flags],
        capture_output=True,
        text=True,
    )
    table = dict(line.split(None, 1) for line in done.stdout.splitlines() if len(line.split(None, 1)) == 2)
    assert int(table.get("answered", 0)) == repeat * names, done.stdout + done.stderr + server.process.log()
    return (cpu_seconds(server.process) - before) / (repeat * names) * 1e3, float(table["answers/s"].split()[0])


def compare(case, servers, folder, flags, rounds, share):
    """Rounds by turns; every other one is in the opposite order."""
    body = folder / "body.json"
    body.write_text(json.dumps({"message": (("lorem ipsum %d " * 100) * (case.length // 500 + 1))[: case.length]}))
    figures = {name: Figures([], []) for name in servers}
    for number in range(-1, rounds):  # the first one warms up
        order = list(servers.items())
        for name, server in order[::-1] if number % 2 else order:
            count = int((case.slow_count if server.slow else case.count) * (share if number >= 0 else 0.1))
            seen = load(server, case, body, flags, count)
            for values, value in zip(figures[name], seen) if number >= 0 else ():
                values.append(value)
    return figures


def three(values, digits):
    return " / ".join(f"{value:,.{digits}f}" for value in (min(values), median(values), max(values)))


def report(case, figures):
    """Lines of the table; what is kept of it."""
    ours = figures["dojo-host"].cpu_ms
    kept = {"body": case.name, "connections": case.connections, "servers": {}}
    for name, seen in figures.items():
        ratios = [mine / max(its, 1e-9) for mine, its in zip(ours, seen.cpu_ms)]
        kept["servers"][name] = {**seen._asdict(), "ratios": ratios}
        ratio = "" if name == "dojo-host" else three(ratios, 2)
        print(
            f"| {case.name:>6} | {case.connections:>3} | {name:18} | {three(seen.cpu_ms, 3):>23} "
            f"| {three(seen.answers_per_s, 0):>23} | {ratio:>18} |",
            flush=True,
        )
    return kept


def first_line(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]


def machine(arguments):
    info = Path("/proc/cpuinfo").read_text()
    models = [line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name")]
    versions = {"dojo-host": first_line(os.environ["DOJO_HOST"], "--version").split()[-1], "Python": platform.python_version()}
    if arguments.axum:
        versions["Rust"] = first_line("rustc", "--version").split()[1]
        crates = tomllib.loads((HERE / "peers/axum/Cargo.lock").read_text())["package"]
        used = ("axum", "hyper", "tokio", "schnorrkel", "curve25519-dalek", "blake2", "serde_json")
        versions |= {crate["name"]: crate["version"] for crate in crates if crate["name"] in used}
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": f"{platform.system()} {platform.release()}",
        "load": os.getloadavg()[0],
        "versions": versions,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--axum", metavar="PROGRAM")
    parser.add_argument("--python", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    rounds = arguments.rounds or (3 if arguments.quick else 5)
    about = machine(arguments)
    print(f"{about['cpu']}, {about['cores']} cores, {about['kernel']}, load at the start {about['load']:.1f}")
    print(", ".join(f"{name} {version}" for name, version in about["versions"].items()), f"{rounds} rounds", sep="; ")

    result = {"machine": about, "rounds": rounds}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wallet = folder / "wallet"
        subprocess.run([os.environ["DOJO"], "keygen", wallet], check=True, capture_output=True)
        host = DojoHost(folder / "host", plugins=Path(os.environ["DOJO_PLUGINS"]), log_level="warning")
        ours = {"dojo-host": Server(host, host.port)}
        started = [host]
        tables = {}
        if arguments.axum:
            axum = Process([arguments.axum, host.hotkey], folder / "axum")
            started.append(axum)
            flags = ["--wallet", wallet, "--to", host.hotkey, "--no-compress"]
            tables["dojo/1, plain JSON"] = PLAIN, {"axum": Server(axum, int(axum.first_line))}, flags
        if arguments.python:
            from keys import Key
            from processes import Gateway

            gateway = Gateway(folder / "gateway", Key("bench"))
            started.append(gateway)
            peers = {}
            for label, verifier in (("python, gateway", gateway.port), ("python, in process", "in-process")):
                process = Process([sys.executable, HERE / "python_echo.py", verifier], folder / label)
                started.append(process)
                peers[label] = Server(process, int(process.first_line), slow=True)
            tables["legacy, zstd"] = ZSTD, peers, ["--wallet", wallet, "--dialect", "legacy"]
        try:
            for title, (cases, peers, flags) in tables.items():
                print(f"\n{title}; each figure: min / median / max\n")
                print("| body | connections | server | CPU ms/answer | answers/s | ratio |")
                print("| ---: | ---: | --- | ---: | ---: | ---: |", flush=True)
                result[title] = []
                for case in cases:
                    if case.quick or not arguments.quick:
                        share = 0.5 if arguments.quick else 1
                        figures = compare(case, ours | peers, folder, flags, rounds, share)
                        result[title].append(report(case, figures))
        finally:
            for process in started[::-1]:
                process.terminate(20)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
