"""Streams both ways: taowire's ValidatorClient reads what dojo-host writes, and `dojo` what taowire's miner does; and neither
takes one that was cut or changed on the way."""

import asyncio
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from bittensor import http_auth, sp_core
from taowire.testing.keys import dev_key
from taowire.validator.client import ValidatorClient

from neurons import neuron
from processes import HERE, Process, wait_until

TAOWIRE_MINER = HERE.parent / "bench" / "peers" / "taowire" / "miner.py"
CONFIG = "[auth]\nbtauth_sign_answers = true\nbtauth_max_age_ms = 600000\n"
SEED = "0xe5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a"  # //Alice, sr25519

READERS = 256


@pytest.fixture
def seed(tmp_path):
    path = tmp_path / "alice"
    path.write_text(SEED)
    path.chmod(0o600)
    return path


def dojo(*arguments, wallet):
    command = [os.environ["DOJO"], *map(str, arguments), "--wallet", wallet, "--dialect", "btauth/1", "--retries", "1"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def query_stream(port, hotkey, key, body, **options):
    """What taowire makes of the host's stream."""

    async def run():
        chunks = []
        async with ValidatorClient(key.signer(), timeout_s=60) as client:
            async with client.stream(neuron(port, hotkey), "/Generate", json.dumps(body).encode(), **options) as stream:
                async for chunk in stream:
                    chunks.append(chunk.data)
                return chunks, stream.result

    return asyncio.run(run())


class Relay:
    """Stands between, and changes the bytes of answers: `change(bytes) -> bytes`, of each that comes."""

    def __init__(self, port):
        self.change = lambda data: data
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.there = port
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                caller, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.pass_on, args=(caller,), daemon=True).start()

    def pass_on(self, caller):
        with caller, socket.create_connection(("127.0.0.1", self.there)) as miner:

            def up():
                while data := caller.recv(65536):
                    miner.sendall(data)

            threading.Thread(target=up, daemon=True).start()
            answer = b""
            miner.settimeout(60)
            while data := miner.recv(65536):  # the whole of it, since it is small
                answer += data
                if answer.endswith(b"\r\n0\r\n\r\n"):
                    break
            caller.sendall(self.change(answer))


@pytest.fixture
def host(start_host):
    return start_host(CONFIG)


@pytest.mark.parametrize("scheme", ("sr25519", "ed25519"))
def test_taowire_reads_what_the_host_writes(host, scheme):
    key = dev_key("alice", scheme)
    for count in (0, 1, 3, 500):
        words = [f"ü{number}" for number in range(count)]
        chunks, result = query_stream(host.port, host.hotkey, key, {"prompt": " ".join(words)})
        assert (result.ok, result.status, result.response_verified) == (True, 200, True), result
        assert chunks == [{"text": word} for word in reversed(words)]


def test_taowire_is_refused_as_ever_before_the_first_chunk(host):
    chunks, result = query_stream(host.port, host.hotkey, dev_key("alice"), {"prompt": "a", "ms_per_word": 5000})
    assert (chunks, result.ok, result.status) == ([], False, 422), result


def test_dojo_reads_what_the_host_writes(host, seed, tmp_path):
    body = json.dumps({"prompt": "one two three"})
    done = dojo("send", host.url, "Generate", body, "--to", host.hotkey, "--proof", tmp_path / "proof", wallet=seed)
    assert done.returncode == 0, done.stderr
    assert done.stdout == '{"text":"three"}\n{"text":"two"}\n{"text":"one"}\n'
    told = dojo_verify(tmp_path / "proof")
    assert host.hotkey in told and "HTTP status 200" in told
    # In dialects that do not sign answers there is an end all the same.
    command = [os.environ["DOJO"], "send", host.url, "Generate", body, "--to", host.hotkey, "--wallet", seed]
    assert subprocess.run(command, capture_output=True, text=True, timeout=60).stdout == done.stdout


def dojo_verify(proof):
    done = subprocess.run([os.environ["DOJO"], "verify-proof", proof], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_dojo_shows_chunks_as_they_come(host, seed):
    command = [os.environ["DOJO"], "send", host.url, "Generate", json.dumps({"prompt": "b a", "ms_per_word": 900})]
    with subprocess.Popen([*command, "--to", host.hotkey, "--wallet", seed], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout.readline() == '{"text":"a"}\n'
        assert running.poll() is None  # while the next word is thought of
        assert running.stdout.read() == '{"text":"b"}\n'


def resident_bytes(host):
    status = Path(f"/proc/{host.popen.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


def unsent_bytes(port):
    """What the kernel holds for the connections of a port: sent and not acknowledged, or not yet sent."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(row[4].split(":")[0], 16) for row in rows if row[1].endswith(f":{port:04X}"))


def test_who_does_not_read_costs_little(start_host, tmp_path):
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "test_streams.so").symlink_to(Path(os.environ["DOJO_TEST_PLUGINS"]) / "test_streams.so")
    host = start_host("[dispatch]\nworkers = 1\n[http]\nwrite_grace_ms = 120000\n", plugins=plugins, log_level="info")
    key = sp_core.Keypair.from_seed(bytes.fromhex(SEED[2:]))

    def ask(path, body, small=False):
        headers = http_auth.sign(key, method="POST", path=path, body=body, receiver_ss58=host.hotkey)
        connection = socket.socket()
        if small:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", host.port))
        lines = [f"{name}: {value}" for name, value in (headers | {"Host": "here", "Content-Length": len(body)}).items()]
        connection.sendall((f"POST {path} HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode() + body)
        connection.settimeout(60)
        return connection

    def facts():
        with ask("/Ask", b"{}") as connection:
            return json.loads(connection.recv(65536).partition(b"\r\n\r\n")[2])

    facts()
    before = resident_bytes(host)
    readers = [ask("/Count", b'{"to": 10000, "bytes": 1000}', small=True) for _ in range(READERS)]
    wait_until(lambda: facts()["streams"] == READERS, "all of them to have begun")  # the only worker has time for it
    resident = (resident_bytes(host) - before) / READERS
    unsent = unsent_bytes(host.port) / READERS
    print(f"a reader that does not read: {resident / 1024:.1f} KiB of the host, {unsent / 1024:.1f} KiB of the kernel")
    assert resident + unsent <= 64 * 1024
    for reader in readers[8:]:
        reader.close()
    for reader in readers[:8]:  # the rest get all of it
        tail, size = b"", 0
        while b"tw-end" not in tail or not tail.endswith(b"\r\n0\r\n\r\n"):
            data = reader.recv(1 << 20)
            assert data
            size += len(data)
            tail = (tail + data)[-400:]
        assert size > 10_000_000 and b'"count":10000' in tail
        reader.close()
    wait_until(lambda: facts()["streams"] == 0, "those that were left to end")


def test_dojo_reads_what_taowires_miner_writes(seed, tmp_path):
    miner = Process([sys.executable, "-B", TAOWIRE_MINER], tmp_path / "miner")
    url = f"127.0.0.1:{int(miner.first_line)}"
    bob = dev_key("bob").ss58
    for count in (1, 300):
        body = json.dumps({"count": count})
        done = dojo("send", url, "Count", body, "--to", bob, "--proof", tmp_path / f"proof{count}", wallet=seed)
        assert done.returncode == 0, done.stderr
        assert [json.loads(line) for line in done.stdout.splitlines()] == [{"n": n} for n in range(count)]
        assert bob in dojo_verify(tmp_path / f"proof{count}")
    done = dojo("send", url, "Count", json.dumps({"count": 9, "fails_at": 4}), "--to", bob, wallet=seed)
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 4
    miner.terminate()


def test_what_is_changed_on_the_way_is_refused(host, seed):
    relay = Relay(host.port)
    body = {"prompt": "three two one"}

    def chunk_size(data):
        """The chunks of the transfer, written anew."""
        head, _, rest = data.partition(b"\r\n\r\n")
        return head, re.sub(rb"(?:^|\r\n)[0-9a-f]+\r\n", b"", rest.removesuffix(b"0\r\n\r\n")).removesuffix(b"\r\n")

    def again(change):
        def changed(data):
            head, events = chunk_size(data)
            events = change(events)
            return head + b"\r\n\r\n" + f"{len(events):x}".encode() + b"\r\n" + events + b"\r\n0\r\n\r\n"

        return changed

    def event(name):
        return re.compile(rb"event: " + name + rb"\ndata: [^\n]*\n\n")

    def forged(events):
        """An end that is right, but for its signature."""
        events = event(b"chunk").sub(b"", events, count=1)
        data = b"".join(re.findall(rb"event: chunk\ndata: ([^\n]*)\n", events))
        events = re.sub(rb'"digest":"[^"]*"', b'"digest":"' + hashlib.sha256(data).hexdigest().encode() + b'"', events)
        return events.replace(b'"count":3', b'"count":2')

    wrong_end = "the stream is not what its end says"
    for change, why in (
        (lambda events: events, None),
        (lambda events: b": a comment\n\n" + events, None),
        (lambda events: event(b"chunk").sub(b"", events, count=1), wrong_end),
        (lambda events: events.replace(b"two", b"too"), wrong_end),
        (lambda events: event(b"tw-end").sub(b"", events), "broke off before its end"),
        (lambda events: events + b"event: chunk\ndata: {}\n\n", "goes on behind its end"),
        (lambda events: events.replace(b'"count":3', b'"count":3.0'), "the stream's end is no"),
        (lambda events: events.replace(b'{"text":"two"}', b"5"), "chunk 2 is no JSON object or array"),
        (forged, "the answer's signature is wrong"),
    ):
        relay.change = again(change)
        done = dojo(
            *("send", f"127.0.0.1:{relay.port}", "Generate", json.dumps(body), "--to", host.hotkey),
            wallet=seed,
        )
        proven = done.returncode == 0
        if change is forged:  # whoever does not ask for proof is told nothing of that
            assert proven, done.stderr
        else:
            assert proven == (why is None), done.stderr
            assert why is None or why in done.stderr
        _, result = query_stream(relay.port, host.hotkey, dev_key("alice"), body)
        assert result.ok == (why is None), result
    relay.change = again(forged)
    done = dojo(
        "send", f"127.0.0.1:{relay.port}", "Generate", json.dumps(body), "--to", host.hotkey, "--proof", seed.parent / "proof",
        wallet=seed,
    )
    assert done.returncode == 1 and "the answer's signature is wrong" in done.stderr
    relay.listener.close()
