"""The load: who calls, by the dialect. Each gives what `Loader` asks for: answers a second, and how long they took."""

import json
import os
import random
from functools import partial

from .server import run

# dojo batch opens at most 10 connections to one name; curl knows *.localhost.
PER_NAME = 8


def bench_load(dialect, server, case, body, count, rate):
    """tests/bench/load.cpp"""
    flags = ["--zstd"] if case.zstd else []
    flags += ["--rate", rate] if rate else []
    seen = run(
        *(os.environ["DOJO_BENCH"] + "/bench_load", "--port", server.port, "--to", server.hotkey, "--dialect", dialect),
        *("--seed", server.seed, "--body", body, "--connections", case.connections, "--count", count, *flags),
    )
    seen = json.loads(seen)
    if seen["ok"] != count or (not case.zstd and seen["answer_bytes"] < case.bytes):
        raise RuntimeError(f"{server.name} did not echo: {seen}\n{server.log()}")
    return seen


def dojo_batch(flags, server, case, body, count, rate):
    """The client that ships: for what the client alone can speak. Tells no latency."""
    names = -(-case.connections // PER_NAME)
    repeat = max(count // names, 1)
    said = run(
        *(os.environ["DOJO"], "batch", "Echo", f"@{body}", "--repeat", repeat, "--concurrency", case.connections),
        *(word for i in range(names) for word in ("--url", f"{i}.localhost:{server.port}")),
        *("--to", server.hotkey, "--no-preflight", "--retries", 1, "--timeout", 60),
        *([] if case.zstd else ["--no-compress"]),
        *flags,
    )
    table = dict(line.split(None, 1) for line in said.splitlines() if len(line.split(None, 1)) == 2)
    return {"ok": repeat * names, "ok_per_s": float(table["answers/s"].split()[0])}


def btlightning(server, case, body, count, rate):
    return json.loads(run(server.program, "load", server.port, case.bytes, case.connections, count))


def parts_alone(server, case, body, count, rate):
    cpu_ms = float(run(os.environ["DOJO_BENCH"] + "/bench_alone", body, count))
    return {"ok": count, "ok_per_s": 1e3 / cpu_ms, "cpu_ms": cpu_ms}


CALLERS = {
    "dojo/1": partial(bench_load, "dojo/1"),
    "legacy": partial(bench_load, "legacy"),
    "btauth/1": partial(bench_load, "btauth/1"),
    "session": partial(dojo_batch, ["--session"]),
    "btlightning": btlightning,
    "none": parts_alone,
}


def offered(dialect):
    """Whether there is a caller for a dialect; that of sessions is the client."""
    return dialect != "session" or "--session" in run(os.environ["DOJO"], "batch", "--help")


class Loader:
    """Calls a server and reads off what it has used for that."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, server, case, count, rate=0):
        count = max(int(count * server.share), case.connections)
        before = server.cpu_seconds() if server.process else 0
        seen = CALLERS[server.dialect or case.dialect](server, case, self.body(case.bytes), count, rate)
        used = (server.cpu_seconds() - before) * 1e3 / seen["ok"] if server.process else seen["cpu_ms"]
        return {"cpu_ms": used, "per_s": seen["ok_per_s"]} | {key: seen[key] for key in ("p50_us", "p99_us") if key in seen}

    def body(self, length):
        """A file of so many bytes: words that compress as well as text does."""
        path = self.folder / f"{length}.json"
        if not path.exists():
            words = random.Random(length)
            text = " ".join(f"word{words.randrange(5_000)}" for _ in range(length // 5))
            around = '{"message":""}'
            path.write_text(around[:-2] + text[: length - len(around)] + around[-2:])
        return path
