"""A host under attack: honest callers must hardly feel it, and no captured request may work again.

    DOJO_HOST=… DOJO_COMMAND=… DOJO_ATTACKS=… DOJO_PLUGINS=… python attacks.py NAME… [--seconds S] [--plain] …

NAME is one of the floods (unsigned, strangers, impostor, proxied, replay, greedy, bombs, json, heavy, noise, slow, bodies, hoard, unread),
`floods` for all of them, `replays`, `flushes`, `honest`, `cage`, `doors`, `latency`, `cost`, or `all`. Exits with 0 if every promise held, and prints what was seen. The short
forms of all that is counted are part of the tests; `latency` and `cost`, which are about time, of bench.sh. Give longer
times to let it run for an hour.

Host, attackers and honest callers share this machine and the loopback interface: what attackers use of the processors
is taken from the host as well. Attackers come from addresses of their own, 127.9.0.x.
"""

import argparse
import collections
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "interop"))
sys.path.insert(0, str(Path(__file__).parent.parent / "bench"))
from doors import doors  # noqa: E402
from processes import DojoHost  # noqa: E402
from ranks import at_most, median  # noqa: E402

NETUID = 52
MB = 1 << 20
HONEST, INSIDERS = 64, 3  # callers with a validator's permit; the insiders are those who attack
INSIDE = ["--group", "insider", "--keys", str(INSIDERS)]
DENIED = "denied"  # the group of keys on the deny list

# What the host is told. {deny}, {quota} (requests a second) and {burst} are put in.
SEEN_MB = 16  # of each kind
SEEN = f"replay_mb = {SEEN_MB}\nlegacy_mb = {SEEN_MB}\n"
DIALECTS = '[auth]\ndialects = ["legacy", "dojo/1", "epistula/2"]\n'
ONE_RECEIVER = '[auth]\ndialects = ["dojo/1", "epistula/2"]\n'
METAGRAPH = f'[metagraph]\nfile = "metagraph.json"\nnetuid = {NETUID}\n'
ACCESS = "[access]\nvalidators_only = true\ndeny = {deny}\n"
QUOTAS = """[quota]
hotkey_requests_per_s = {quota}
hotkey_requests_burst = {burst}
failed_per_ip_per_s = 1
failed_per_ip_burst = 100
"""
NO_QUOTAS = "[quota]\nfailed_per_ip_per_s = 0\n"
# The same for a host without metagraph, quotas and epistula/2: what the figures are compared with.
PLAIN = "[access]\ndeny = {deny}\n"

# Connections, and requests (or connections opened) a second, of all attackers of a kind together; 0: as many as go.
FLOODS = {
    "unsigned": dict(connections=64, rate=20_000),
    "strangers": dict(connections=64, rate=20_000),
    "impostor": dict(connections=64, rate=5_000),
    "proxied": dict(connections=64, rate=500),  # nobody can be shut out: each is checked
    "replay": dict(connections=64, rate=20_000),
    "greedy": dict(connections=64, rate=None),  # 50 times what an honest caller sends
    "bombs": dict(connections=64, rate=500),
    "json": dict(connections=64, rate=100),
    "heavy": dict(connections=64, rate=100),  # more work than there are processors
    "noise": dict(connections=64, rate=5_000),
    "slow": dict(connections=1_000, rate=0),
    "bodies": dict(connections=600, rate=0),
    "hoard": dict(connections=33, rate=0),  # three have all that there is, if they can
    "unread": dict(connections=300, rate=0),
}
COUNTED = ["proxied", "json", "noise", "bodies", "unread"]  # of which `latency` tells nothing
OWN_PACE = ["proxied", "json", "heavy", "slow", "bodies", "hoard", "unread"]  # what --rate is not for
# What a host may hold of bodies, in bytes: little, so that it is scarce.
HTTP = {"max_request_bytes": 48 * MB, "max_response_bytes": 48 * MB}
PLAIN_BYTES = 48 * MB  # inflated
# And what it is told besides.
TOLD = {
    "proxied": {"proxies": ["127.9.0.0/24"]},
    "bodies": {"max_request_bytes": 4 * MB},
    "hoard": {"max_response_bytes": 3 * (12 * MB + 64)},
    "unread": {"write_grace_ms": 1_000},
}
BESIDE = 64 * MB  # what a host may need besides its budgets: threads, tables, what the allocator keeps
UNREAD = 65 << 10  # bytes that the kernel may hold for a peer that reads no refusals: 64 KiB, and one more
LINES, LOG_BYTES = 100, 32 << 10  # a second of each code
RARE = 5  # refusals of another code than the flood's
ATTACKERS = 4  # addresses they come from

# What a captured request is refused with when it is sent again: as it was; with another body, path or method; with
# another time or nonce stated, which its signature does not cover (legacy has only a text, which is changed instead);
# after SIGKILL and a restart; to another miner, which accepts no legacy, since that names no receiver.
REPLAYED = {
    "legacy": {
        **dict.fromkeys(["same", "body", "path", "method", "restart"], "replayed"),
        **dict.fromkeys(["time", "fresh", "elsewhere"], "malformed"),
    },
    "dojo/1": {
        **dict.fromkeys(["same", "body", "time", "restart"], "replayed"),
        **dict.fromkeys(["path", "method", "elsewhere"], "wrong-receiver"),
        "fresh": "bad-signature",
    },
    "epistula/2": {
        **dict.fromkeys(["same", "body", "path", "method", "time", "restart"], "replayed"),
        "elsewhere": "wrong-receiver",
        "fresh": "bad-signature",
    },
}

SECRET = ["hunter2-of-the-", "operators-wallet"]  # in pieces, so that nobody finds it for being told of it


class Checks:
    def __init__(self):
        self.broken = []

    def __call__(self, what, holds):
        print(f"  {'ok' if holds else 'BROKEN':7} {what}", flush=True)
        if not holds:
            self.broken.append(what)


def program(name, *arguments):
    return [str(Path(os.environ["DOJO_ATTACKS"]) / f"attack_{name}"), *(str(a) for a in arguments)]


def addresses(group, keys):
    done = subprocess.run(program("honest", "--addresses", "--group", group, "--keys", keys),
                          stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.split()


def write_metagraph(folder):
    """All who may call, as Kami tells it."""
    hotkeys = addresses("honest", HONEST) + addresses("insider", INSIDERS) + addresses(DENIED, 1)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metagraph.json").write_text(json.dumps({
        "netuid": NETUID, "block": 1, "hotkeys": hotkeys, "coldkeys": hotkeys,
        "validatorPermit": [True] * len(hotkeys), "totalStake": [1000.0] * len(hotkeys),
    }))


class Host(DojoHost):
    """A host that logs as it does in service, and what it uses of the machine."""

    started = []

    def __init__(self, folder, config):
        write_metagraph(folder)
        super().__init__(folder, config, os.environ["DOJO_PLUGINS"], log_level="info")
        self.started.append(self)

    def cpu(self):
        """Seconds, to the nanosecond: the clock of a process is named by its id (clock_getcpuclockid(3))."""
        assert self.popen.poll() is None, f"the host has ended with {self.popen.returncode}:\n{self.log()}"
        return time.clock_gettime((~self.popen.pid << 3) | 2)

    def rss(self):
        return int(Path(f"/proc/{self.popen.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def unread(self):
        """Bytes that the kernel holds for each of its peers since they have not read them."""
        rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
        return [int(row[4].split(":")[0], 16) for row in rows if int(row[1].split(":")[1], 16) == self.port]

    def kill(self):
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait()


class Setting:
    """How hosts are configured, which depends on what they can do."""

    def __init__(self, plain):
        self.plain = plain
        self.dialects = ["legacy", "dojo/1"] + ([] if plain else ["epistula/2"])
        self.deny = json.dumps(addresses(DENIED, 1))

    def config(self, quotas="", auth=DIALECTS):
        if self.plain:
            auth = auth.replace(', "epistula/2"', "") if not auth.startswith(DIALECTS) else ""
            return auth + PLAIN.format(deny=self.deny)
        return auth + METAGRAPH + ACCESS.format(deny=self.deny) + (quotas or NO_QUOTAS)

    def spoken(self):
        return ",".join(self.dialects)


class Running:
    """A program whose last line of output is a JSON object."""

    def __init__(self, arguments, stdin=None):
        self.popen = subprocess.Popen(arguments, stdin=stdin, stdout=subprocess.PIPE, text=True)

    def result(self):
        out, _ = self.popen.communicate()
        assert self.popen.returncode == 0, self.popen.args
        return json.loads(out.splitlines()[-1])


def honest(host, *arguments, dialects="legacy,dojo/1", source="127.0.1.1", sources=16):
    return Running(program("honest", "--port", host.port, "--to", host.hotkey, "--keys", HONEST, "--dialects", dialects,
                           "--sources", sources, "--source", source, *arguments))


class Flood(Running):
    def __init__(self, host, kind, seconds, dialects, **options):
        flags = [word for name, value in options.items() for word in (f"--{name}", value)]
        group = [] if kind == "impostor" else INSIDE
        super().__init__(program("flood", kind, "--port", host.port, "--to", host.hotkey, "--seconds", seconds, *group,
                                 "--dialects", dialects, "--sources", ATTACKERS, *flags), subprocess.PIPE)
        assert self.popen.stdout.readline() == "ready\n"

    def begin(self):
        self.popen.stdin.write("\n")
        self.popen.stdin.flush()


class Memory(threading.Thread):
    """A host's memory ten times a second, until stopped: its own, and what the kernel holds for its peers."""

    def __init__(self, host):
        super().__init__()
        self.host, self.seen, self.unread, self.over = host, [host.rss()], [0], threading.Event()
        self.most = self.seen[0]
        self.start()

    def run(self):
        while not self.over.wait(0.1):
            unread = self.host.unread() or [0]
            self.seen.append(self.host.rss())
            self.unread.append(max(unread))
            self.most = max(self.most, self.seen[-1] + sum(unread))

    def stop(self):
        self.over.set()
        self.join()
        self.most = max(self.most, self.host.peak_memory())
        return self

    def check(self, what, budgets, check):
        grown, most = self.most - self.seen[0], sum(budgets) + BESIDE
        check(f"{what}: memory grows by no more than all budgets and {BESIDE // MB} MiB: {grown / MB:.1f} of {most / MB:.1f} MiB",
              grown <= most)


def ms(microseconds):
    return f"{microseconds / 1e3:.2f} ms"


def counts(result):
    """What came of requests, in short."""
    parts = [f"{word} {count}" for word, count in result["codes"].items()]
    for kind in ("lost", "connections_ended"):
        parts += [f"{kind.replace('_', ' ')} ({how}) {count}" for how, count in result[kind].items() if count]
    return ", ".join(parts) or "nothing"


def answered(result):
    return result["ok"] / result["sent"]


def capacity(folder, setting, seconds=3):
    """Requests a second of honest callers that a host answers when there are always some waiting."""
    host = Host(folder, setting.config())
    result = honest(host, "--at-once", 32, "--seconds", seconds, dialects=setting.spoken()).result()
    host.stop()
    assert answered(result) == 1, counts(result)
    return result["ok_per_s"]


def bodies(http):
    """The config of what a host may hold of bodies."""
    told = "".join(f"{key} = {json.dumps(value)}\n" for key, value in http.items())
    return f"[http]\n{told}[compression]\nmax_request_bytes = {PLAIN_BYTES}\n"


class Besieged:
    """A host, honest callers who ask for a quarter of what it can do, and attackers, when they are wanted."""

    def __init__(self, kind, folder, setting, options):
        self.kind, self.setting, self.options = kind, setting, options
        self.rate = options.capacity * 0.25
        self.quota = 4 * self.rate / HONEST
        quotas = QUOTAS.format(quota=int(self.quota), burst=int(2 * self.quota))
        told = {**HTTP, **TOLD.get(kind, {})}
        self.budgets = [told["max_request_bytes"], told["max_response_bytes"], PLAIN_BYTES, SEEN_MB * MB, SEEN_MB * MB]
        self.host = Host(folder, setting.config(quotas, DIALECTS + SEEN) + bodies(told))
        # Behind a proxy both come from its addresses.
        self.source = dict(source="127.9.0.1", sources=ATTACKERS) if kind == "proxied" else {}
        self.wanted = {**FLOODS[kind], "pool": 40_000 if kind in ("strangers", "greedy") else 4_000}
        if kind not in OWN_PACE and options.rate is not None:
            self.wanted["rate"] = options.rate
        elif self.wanted["rate"] is None:
            self.wanted["rate"] = int(50 * self.rate / HONEST)
        self.honest(1)  # warm

    def honest(self, seconds):
        return honest(self.host, "--rate", self.rate, "--seconds", seconds, dialects=self.setting.spoken(), **self.source).result()

    def attacked(self, seconds):
        """Honest callers' result under attack, the attackers', and what memory the host had."""
        flood = Flood(self.host, self.kind, seconds + 1, self.setting.spoken(), nice=self.options.nice, **self.wanted)
        memory = Memory(self.host)
        flood.begin()
        time.sleep(0.3)
        if self.kind == "noise":
            self.rarities()
        busy = self.honest(seconds)
        got = flood.result()
        return busy, got, memory.stop()

    def rarities(self):
        """What is refused by a code of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.host.port, timeout=10)
        for request in captured(self.host, RARE, "dojo/1"):
            send(connection, "POST", "/ScoreRequest", request["headers"], request["body"])

    def stop(self):
        self.host.stop()  # which it can only if it lives


def flood(kind, folder, setting, options, check):
    """What can be counted under attack; how long it takes is told by `latency`."""
    besieged = Besieged(kind, folder, setting, options)
    busy, got, memory = besieged.attacked(options.seconds)
    seen = memory.seen
    half, last = max(seen[: len(seen) // 2 + 1]), seen[-1]
    besieged.stop()
    print(f"attack {kind}: {besieged.wanted['connections']} connections; sent {got['sent_per_s']:.0f} a second, "
          f"opened {got.get('opened_per_s', got['sent_per_s']):.0f} connections a second\n"
          f"  it got: {counts(got)}\n"
          f"  honest: {besieged.rate:.0f} a second of {options.capacity:.0f}; p50 {ms(busy['p50_us'])}, "
          f"p99 {ms(busy['p99_us'])} (late {ms(busy['late_us'])}), max {ms(busy['max_us'])}\n"
          f"  answered {answered(busy):.3%}: {counts(busy)}\n"
          f"  memory: before {seen[0] / MB:.1f}, half-way {half / MB:.1f}, end {last / MB:.1f}, "
          f"peak {memory.most / MB:.1f} MiB; unread of one peer {max(memory.unread) >> 10} KiB")
    check(f"{kind}: 99.9 % of honest requests are answered under attack", answered(busy) >= 0.999)
    check(f"{kind}: memory is as at half-time", last <= 1.05 * half + 4 * MB)
    memory.check(kind, besieged.budgets, check)
    check(f"{kind}: the attack took place", got["sent"] + got.get("opened", 0) > 0)
    # A replay's first requests are honest ones.
    quota = besieged.quota * (got["seconds"] + 2) * 1.05
    most = {"replay": len(setting.dialects), "greedy": quota, "heavy": quota}.get(kind, 0)
    check(f"{kind}: at most {most:.0f} of the attackers' requests are let in", got["codes"].get("ok", 0) <= most)
    if kind in BESIDES:
        BESIDES[kind](besieged.host, got, memory, check)


def json_is_too_large(host, got, memory, check):
    check("json: is refused as too large", got["codes"].get("too-large", 0) > 0)


def unread_is_little(host, got, memory, check):
    check(f"unread: the kernel holds {UNREAD >> 10} KiB of refusals at most for each who does not read",
          max(memory.unread) <= UNREAD)
    check("unread: whoever does not read is ended", got["connections_ended"]["closed"] > 0)


def proxied_are_told_apart(host, got, memory, check):
    check("proxied: whoever a proxy names is shut out", got["codes"].get("quota", 0) > 0)
    check("proxied: whoever it does not name is not", got["codes"].get("bad-signature", 0) > got["sent"] / 4)


def noise_is_bounded(host, got, memory, check):
    """Lines and bytes of the log, by their own times: a second of the host's is in two of theirs, or in three."""
    lines, left_out = collections.defaultdict(list), collections.Counter()
    for line in host.log().splitlines():
        if code := re.search(r" refused .*\bcode=(\S+)", line):
            lines[code[1]].append(line)
        elif told := re.search(r"more lines of one kind than are logged kind=(\S+) left_out=(\d+)", line):
            left_out[told[1]] += int(told[2])
    for code, of_code in lines.items():
        first, last = (datetime.fromisoformat(line[:23]) for line in (of_code[0], of_code[-1]))
        seconds = int((last - first).total_seconds()) + 2
        size = sum(len(line.encode()) + 1 for line in of_code)
        check(f"noise: {code}: {len(of_code)} lines and {size >> 10} KiB in {seconds} s, {left_out[code]} left out",
              len(of_code) <= LINES * seconds and size <= LOG_BYTES * seconds)
    others = sum(len(line) + 1 for line in host.log().splitlines() if " refused " not in line)
    check(f"noise: all else is {others >> 10} KiB", others <= LOG_BYTES)
    check("noise: what is left out is told", min(left_out[code] for code in ("malformed", "unsigned")) > 0)
    check("noise: what is rarer is seen beside it", len(lines["wrong-receiver"]) == RARE)


BESIDES = {"json": json_is_too_large, "unread": unread_is_little, "proxied": proxied_are_told_apart, "noise": noise_is_bounded}


def latency(folder, setting, options, check):
    """Honest callers' p99 under each attack but the COUNTED ones beside that without, by turns."""
    for kind in [kind for kind in FLOODS if kind not in COUNTED]:
        besieged = Besieged(kind, folder / kind, setting, options)
        calm, busy = [], []
        for _ in range(options.rounds):
            calm.append(besieged.honest(options.seconds)["p99_us"])
            busy.append(besieged.attacked(options.seconds)[0]["p99_us"])
        besieged.stop()
        print(f"latency {kind}: p99 unattacked {ms(median(calm))}, attacked {ms(median(busy))}, "
              f"ratio {median(busy) / median(calm):.1f} (medians of {options.rounds} rounds)")
        # 3 ms are what a shared machine's scheduler may add by itself.
        check(f"{kind}: p99 at most 5 times that of the unattacked host", at_most(busy, calm, 5, 3_000))


def send(connection, method, path, headers, body):
    """x-dojo-code of the answer, on a connection that is opened anew where the host has closed it."""
    for attempt in (1, 2):
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in [*headers, ("Content-Encoding", "zstd"), ("Content-Length", str(len(body)))]:
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            answer.read()
            return answer.getheader("x-dojo-code")
        except (ConnectionError, http.client.HTTPException):
            connection.close()
            if attempt == 2:
                return "lost"


def captured(host, count, dialects, group="honest"):
    done = subprocess.run(program("capture", "--to", host.hotkey, "--count", count, "--skew", 10, "--dialects", dialects,
                                  "--group", group, "--keys", HONEST), stdout=subprocess.PIPE, text=True, check=True)
    requests = [json.loads(line) for line in done.stdout.splitlines()]
    for request in requests:
        request["body"] = bytes.fromhex(request["body"])
    return requests


def with_header(headers, names, change):
    return [[name, change(value) if name in names else value] for name, value in headers]


def change_word(text, word, change):
    """The value behind `word` in a dojo/1 message; any other text gets a dot."""
    begin = text.find(word)
    if begin < 0:
        return text + "."
    begin += len(word)
    end = text.find(" ", begin)
    return text[:begin] + change(text[begin:end]) + text[end:]


def variants(request):
    """How a captured request is sent again: kind, method, path, headers, body."""
    headers, body = request["headers"], request["body"]

    def later(time_ms):
        return str(int(time_ms) + 1)

    def other(digits):
        return digits[:-1] + ("1" if digits[-1] == "0" else "0")

    moved = with_header(headers, ["Epistula-Timestamp"], later)
    moved = with_header(moved, ["x-message"], lambda text: change_word(text, "ts=", later))
    fresh = with_header(headers, ["Epistula-Uuid"], other)
    fresh = with_header(fresh, ["x-message"], lambda text: change_word(text, "nonce=", other))
    yield "same", "POST", "/Echo", headers, body
    yield "body", "POST", "/Echo", headers, body[:-1] + bytes([body[-1] ^ 1])
    yield "path", "POST", "/ScoreRequest", headers, body
    yield "method", "HEAD", "/Echo", headers, b""
    yield "time", "POST", "/Echo", moved, body
    yield "fresh", "POST", "/Echo", fresh, body


def replays(folder, setting, options, check):
    """Captured requests sent again: to the same host, changed, after SIGKILL and a restart, and to another miner."""
    config = setting.config()
    host = Host(folder / "a", config)
    other = Host(folder / "b", setting.config(auth=ONE_RECEIVER))
    outcomes = collections.defaultdict(collections.Counter)

    def note(kind, request, code):
        outcomes[request["dialect"], kind][code] += 1

    sent = 0
    waves = max(1, options.captures // 150)
    for _ in range(waves):  # a wave is over well within epistula/2's 8 s
        wave = captured(host, 150, setting.spoken())
        sent += len(wave)
        connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=10)
        for request in wave:
            note("first", request, send(connection, "POST", "/Echo", request["headers"], request["body"]))
        for request in wave:
            for kind, *parts in variants(request):
                note(kind, request, send(connection, *parts))
        host.kill()
        host = Host(folder / "a", config)
        connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=10)
        for request in wave:
            note("restart", request, send(connection, "POST", "/Echo", request["headers"], request["body"]))
        connection = http.client.HTTPConnection("127.0.0.1", other.port, timeout=10)
        for request in wave:
            note("elsewhere", request, send(connection, "POST", "/Echo", request["headers"], request["body"]))
    host.stop()
    other.stop()

    print(f"replays: {sent} requests captured, clocks up to 10 s wrong (epistula/2: 1 s), {waves} times SIGKILL")
    for dialect in setting.dialects:
        first = outcomes[dialect, "first"]
        check(f"{dialect}: each is accepted once: {dict(first)}", set(first) == {"ok"})
        for kind, expected in REPLAYED[dialect].items():
            seen = outcomes[dialect, kind]
            check(f"{dialect}: {kind}: all refused as {expected}: {dict(seen)}", set(seen) == {expected})


def flushes(folder, setting, options, check):
    """Captured requests sent again after floods that are to make the host forget them, and after SIGKILL."""
    config = (f"{DIALECTS}window_ms = 300000\nepistula_past_ms = 300000\nreplay_mb = 1\nlegacy_mb = 1\n{METAGRAPH}"
              f'[access]\ndefault = "allow"\n{NO_QUOTAS}{bodies(HTTP)}')
    host = Host(folder, config)
    # Who is registered, and who is not: of these a legacy signature, which has no time, may be forgotten.
    wave = captured(host, 600, setting.spoken()) + captured(host, 60, "dojo/1,epistula/2", "guest")

    def send_all(requests):
        connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=10)
        return collections.Counter(send(connection, "POST", "/Echo", request["headers"], request["body"])
                                   for request in requests)

    first = send_all(wave)
    check(f"each is accepted once: {dict(first)}", set(first) == {"ok"})
    memory = Memory(host)
    for what, kind, dialects in (("one key", "greedy", "legacy"), ("one key", "greedy", "dojo/1"),
                                 ("many keys", "sybils", "legacy"), ("many keys", "sybils", "dojo/1")):
        flood = Flood(host, kind, 180, dialects, connections=16, pool=2_000, count=options.flush)
        flood.begin()
        got = flood.result()
        print(f"flush: {got['sent']} requests in {dialects} of {what}, {got['sent_per_s']:.0f} a second: {counts(got)}")
        check(f"{dialects} of {what}: the flood took place", got["codes"].get("ok", 0) > options.flush / 4)
        again = send_all(wave)
        check(f"after {dialects} of {what}: 0 are accepted again: {dict(again)}", set(again) <= {"replayed", "stale"})
    new = send_all(captured(host, 150, setting.spoken()))
    check(f"who is registered is served as before: {dict(new)}", set(new) == {"ok"})
    evicted = host.log().count("has more than its share of what can be remembered")
    check(f"whoever has too much is named, and not again and again: {evicted} times", evicted == 1)
    memory.stop().check("flushes", [HTTP["max_request_bytes"], HTTP["max_response_bytes"], PLAIN_BYTES, MB, MB], check)
    host.kill()
    host = Host(folder, config)
    again = send_all(wave)
    check(f"after SIGKILL: 0 are accepted again: {dict(again)}", set(again) <= {"replayed", "stale"})
    host.stop()


def many_honest(folder, setting, options, check):
    """Honest callers with wrong clocks, who call as soon as the host is there, are never refused."""
    config = setting.config(QUOTAS.format(quota=5_000, burst=5_000))
    skew, dialects = ["--skew", 10, "--at-once", 24, "--seconds", 3600], setting.spoken()
    host = Host(folder, config)
    results = [honest(host, "--count", 5_000, *skew, dialects=dialects).result()]
    host.stop()
    host = Host(folder, config)
    results.append(honest(host, "--count", options.requests, *skew, dialects=dialects).result())
    host.stop()
    for result in results:
        print(f"honest: {result['sent']} requests of {HONEST} callers, clocks up to 10 s wrong, right after the start: "
              f"{counts(result)}; {result['ok_per_s']:.0f} a second, p99 {ms(result['p99_us'])}")
        check(f"0 of {result['sent']} refused or lost", result["ok"] == result["sent"])


CAGED = """[run.echo]
isolation = "process"
[run.burglar]
isolation = "process"
{user}[run.reader]
isolation = "process"
read = ["{models}"]
write = ["{cache}"]
env = {{ MODEL_HOME = "/models" }}
[plugins.burglar]
"""


def ask(host, model, **body):
    """A model's answer, or an error's words."""
    done = subprocess.run([os.environ["DOJO_COMMAND"], "send", f"127.0.0.1:{host.port}", model, json.dumps(body), "--to",
                           host.hotkey, "--retries", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return json.loads(done.stdout)["body"] if done.returncode == 0 else done.stdout + done.stderr


def cage(folder, setting, options, check):
    """A plugin in a sandbox that tries every way out, while it is tried and while it serves, beside honest ones."""
    del setting, options
    caged(folder / "own", "", check)
    if os.geteuid() == 0:  # what holds without a user of its own
        caged(folder / "root", 'user = "root"\n', check)


def caged(folder, user, check):
    plugins, models, cache, host_folder = (folder / name for name in ("plugins", "models", "cache", "host"))
    for made in (plugins, models / "deep", cache, host_folder):
        made.mkdir(parents=True)
    # Root's worker is nobody: it has to be let through to what it is granted.
    for made in (folder.parents[1], folder.parents[0], folder):
        made.chmod(0o755)
    cache.chmod(0o777)
    for source in [Path(os.environ["DOJO_ATTACKS"]) / "plugins" / f"{name}.so" for name in ("burglar", "reader")] + [
            Path(os.environ["DOJO_PLUGINS"]) / "echo.so"]:
        shutil.copyfile(source, plugins / source.name)
    (models / "deep" / "weights").write_text("granted")
    (folder / "other").write_text("not granted")
    os.environ["DOJO_WALLET_SECRET"] = "".join(SECRET)
    places = {"state": host_folder / "state", "plugins": plugins, "config": host_folder / "host.toml",
              "log": host_folder / "err.log", "model": models / "deep" / "weights"}
    config = CAGED.format(models=models, cache=cache, user=user)
    config += "".join(f'{key} = "{value}"\n' for key, value in places.items())
    config += f"secret = {json.dumps(SECRET)}\nuser = {json.dumps(os.geteuid() == 0 and not user)}\n"
    host = DojoHost(host_folder, config, plugins, log_level="info")
    Host.started.append(host)
    doors = ask(host, "Try")
    tried, opened = (doors["tried"], doors["open"]) if isinstance(doors, dict) else ([], [doors])
    print(f"cage{', as root' if user else ''}: {len(tried)} doors tried from inside, while it was tried and while it served")
    for door in opened + [line for line in host.log().splitlines() if "open while it is tried" in line]:
        print(f"  open: {door}")
    check("every door was tried", len(tried) > 100)
    check(f"0 doors are open: {len(opened)}", not opened)
    check("an honest plugin answers beside it", ask(host, "Echo", message="hi") == {"message": "hi"})
    read = ask(host, "Read", path=str(models / "deep" / "weights"))
    check(f"it reads a file in a folder that it is granted: {read}", read == {"done": True, "text": "granted"})
    read = ask(host, "Read", path=str(folder / "other"))
    check(f"and none beside it: {read}", read == {"done": False, "text": ""})
    wrote = ask(host, "Write", path=str(cache / "new"), text="x")
    check(f"it writes in a folder that it is granted: {wrote}", (cache / "new").is_file())
    ask(host, "Write", path=str(models / "new"), text="x")
    check("and in none that it may only read", not (models / "new").exists())
    told = [ask(host, "Variable", name=name) for name in ("MODEL_HOME", "HOME", "DOJO_WALLET_SECRET")]
    check(f"it has the variables that it is granted alone: {told}",
          told == [{"done": True, "text": "/models"}, {"done": False, "text": ""}, {"done": False, "text": ""}])
    forged = "2026-01-01T00:00:00Z [error] forged\x1b[2J"
    ask(host, "Print", text=forged)
    host.wait_for_log("it printed: ")
    lines = [line for line in host.log().splitlines() if "forged" in line]
    check(f"what it prints is a line of its own: {lines}",
          len(lines) == 1 and "plugin=reader" in lines[0] and "\x1b" not in lines[0] and "it printed: " in lines[0])
    before = host.err.stat().st_size
    ask(host, "Print", text="x" * 5000, times=10_000)
    host.stop()
    grown = host.err.stat().st_size - before
    check(f"and it fills no disk: 50 MB of it are {grown >> 10} KiB of the log", grown < MB)
    check("what is left out is counted", "lines left out: " in host.log())


def all_doors(folder, setting, options, check):
    def start(host):
        Host.started.append(host)
        return host

    doors(folder, start, check)


def cost(folder, setting, options, check):
    """What the host spends on a request that is refused before its signature, beside an echo that it answers."""
    host = Host(folder, setting.config())
    count = ["--count", options.count, "--seconds", 60]

    def refused(kind, *flags):
        running = Running(
            program("flood", kind, "--port", host.port, "--to", host.hotkey, "--connections", 16, *count,
                    "--dialects", setting.spoken(), *flags),
            subprocess.PIPE,
        )
        assert running.popen.stdout.readline() == "ready\n"
        return running

    kinds = {
        "echo": lambda: honest(host, "--at-once", 16, *count, dialects=setting.spoken()),
        "denied": lambda: refused("greedy", "--group", DENIED, "--keys", 1, "--pool", 2_000),
        "unsigned": lambda: refused("unsigned"),
        "stranger": lambda: refused("strangers", "--pool", 4_000),
    }
    expected = {"echo": "ok", "denied": "blacklisted", "unsigned": "unsigned", "stranger": "blacklisted"}
    spent, outcomes = collections.defaultdict(list), collections.defaultdict(collections.Counter)
    for _ in range(options.rounds):
        for kind, start in kinds.items():
            running = start()
            before = host.cpu()
            result = running.result()
            spent[kind].append((host.cpu() - before) / result["sent"])
            outcomes[kind].update(result["codes"])
    host.stop()
    echo = median(spent["echo"])
    for kind, values in spent.items():
        print(f"cost {kind:9} {median(values) * 1e6:7.1f} µs of the host's processor time, {median(values) / echo:6.1%} of "
              f"an echo (medians of {options.rounds} rounds); {dict(outcomes[kind])}")
    for kind, values in spent.items():
        check(f"{kind} requests are all answered {expected[kind]}", set(outcomes[kind]) == {expected[kind]})
        if kind != "echo":
            # An echo of a known hotkey is cheap; a refusal is little more than reading a head and writing an answer.
            check(f"a refused {kind} request costs at most a quarter of an echo", at_most(values, spent["echo"], 0.25))


TESTS = {"replays": replays, "flushes": flushes, "honest": many_honest, "cage": cage, "doors": all_doors}
FIGURES = {"latency": latency, "cost": cost}  # of time: what others do on this machine is in them
OTHERS = {**TESTS, **FIGURES}


def run(names, folder, setting, options, check):
    if options.capacity is None and any(name in FLOODS or name == "latency" for name in names):
        options.capacity = capacity(folder / "capacity", setting)
        print(f"capacity: {options.capacity:.0f} requests a second")
    for name in names:
        if name in FLOODS:
            flood(name, folder / f"flood-{name}", setting, options, check)
        else:
            OTHERS[name](folder / name, setting, options, check)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", choices=[*FLOODS, "floods", *OTHERS, "all"], metavar="NAME")
    parser.add_argument("--seconds", type=float, default=4, help="of each flood, and of each round of `latency`")
    parser.add_argument("--rate", type=int, help="of the attackers; 0: as many as go")
    parser.add_argument("--nice", type=int, default=0, help="the attackers' priority")
    parser.add_argument("--capacity", type=float, help="requests a second; measured where it is not given")
    parser.add_argument("--captures", type=int, default=450)
    parser.add_argument("--flush", type=int, default=45_000, help="requests of each flood of `flushes`")
    parser.add_argument("--requests", type=int, default=200_000, help="of honest callers")
    parser.add_argument("--count", type=int, default=10_000, help="requests of each kind in a round of `cost`")
    parser.add_argument("--rounds", type=int, default=7, help="of `cost` and `latency`; fewer than 5 tell nothing")
    parser.add_argument("--plain", action="store_true", help="for a host without metagraph, quotas and epistula/2")
    options = parser.parse_args()
    everything = {"floods": FLOODS, "all": [*FLOODS, *OTHERS]}
    names = [name for given in options.names for name in everything.get(given, [given])]
    check, setting = Checks(), Setting(options.plain)
    with tempfile.TemporaryDirectory() as temporary:
        try:
            run(names, Path(temporary), setting, options, check)
        finally:
            for host in Host.started:
                if host.popen.poll() is None:
                    host.popen.kill()
                    host.popen.wait()
    if check.broken:
        print(f"{len(check.broken)} promises broken")
    sys.exit(1 if check.broken else 0)


if __name__ == "__main__":
    main()
