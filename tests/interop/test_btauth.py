"""btauth/1 both ways: what Bittensor's SDK signs, over httpx and aiohttp, to dojo-host; and what `dojo` signs, to a miner
behind the SDK, and to taowire's."""

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from urllib.parse import quote

import aiohttp
import httpx
import pytest
import yarl
from bittensor import http_auth, sp_core

from btauth_verdicts import RETENTION, of_sdk
from processes import HERE, DojoHost, Process

TAOWIRE_MINER = HERE.parent / "bench" / "peers" / "taowire" / "miner.py"
SIGNERS = [sp_core.Keypair.from_uri("//Alice"), sp_core.Keypair.from_uri("//Alice", crypto_type=sp_core.CRYPTO_ED25519)]
STRANGER = sp_core.Keypair.from_uri("//Charlie")
COUNT = 600
SECOND = 1_000_000_000
WINDOW = 600  # seconds, so that nothing turns stale for want of a processor
VERDICTS = {"malformed", "wrong-receiver", "stale", "bad-signature", "replayed"}
# What is drawn at random may be refused by us for its form, and by the SDK for what it says.
ANY_WORD = {"character"}


def random_target(random):
    pieces = ["a=1", "b=%20", "c=%2F%3f", "d", "e=" + quote("ü€"), "f=a+b", "g=~._-", "", "x=" + "y" * random.randrange(200)]
    query = "&".join(random.sample(pieces, random.randrange(len(pieces))))
    return "/Echo?" + query if query else random.choice(["/Echo", "/Echo?"])


def random_body(random):
    size = int(10 ** random.uniform(0, 6)) - 1
    text = "".join(random.choices("abcü€\\\"\n", k=min(size, 5_000))) + "x" * max(size - 5_000, 0)
    return random.choice(
        [
            lambda: json.dumps({"message": text}).encode()[: 1 << 20],
            lambda: json.dumps({"message": text}, ensure_ascii=False).encode(),
            lambda: random.randbytes(size),
            lambda: b"",
        ]
    )()


class Drawn:
    """One request: signed well, or with something changed since."""

    KINDS = [None] * 8 + ["body", "target", "receiver", "no receiver", "old", "ahead", "scheme", "hotkey", "character", "replay"]

    def __init__(self, random, target, hotkey, last):
        self.kind = random.choice(self.KINDS)
        if self.kind == "replay" and last is None:
            self.kind = None
        if self.kind == "replay":
            self.method, self.target, self.body, self.headers = last.method, last.target, last.body, dict(last.headers)
            return
        self.method = random.choice(["POST"] * 9 + ["PUT"])
        self.target, self.body = target, random_body(random)
        key = random.choice(SIGNERS)
        stated = {"method": self.method, "path": self.target, "body": self.body, "receiver_ss58": hotkey}
        offset = {"old": -3 * WINDOW, "ahead": 3 * WINDOW}.get(self.kind, random.uniform(-WINDOW / 2, WINDOW / 2))
        stated["nonce_ns"] = time.time_ns() + int(offset * SECOND)
        if self.kind == "body":
            stated["body"] = self.body + b" "
        if self.kind == "target":
            stated["path"] = random.choice([self.target + "&", self.target + "?", "/echo", self.target.replace("%", "%25") + "#"])
        if self.kind == "receiver":
            stated["receiver_ss58"] = STRANGER.ss58_address
        if self.kind == "no receiver":
            stated["receiver_ss58"] = None
        self.headers = http_auth.sign(key, **stated)
        if self.kind == "scheme":
            self.headers["X-Bittensor-Crypto"] = "sr25519" if "X-Bittensor-Crypto" in self.headers else "ed25519"
        if self.kind == "hotkey":
            self.headers["X-Bittensor-Hotkey"] = STRANGER.ss58_address
        if self.kind == "character":
            name = random.choice(list(self.headers))
            value = self.headers[name]
            place = random.randrange(len(value))
            self.headers[name] = value[:place] + random.choice("0123456789abcdefXYZ-+_.") + value[place + 1 :]


def check(request, status, headers, body, store, hotkey):
    """Whether the host decides as the SDK does. @return what it decided"""

    def verify(request):
        http_auth.verify(
            request.headers,
            request.body,
            method=request.method,
            path=request.target,
            self_hotkey_ss58=hotkey,
            max_age=WINDOW,
            allowed_skew=WINDOW,
            nonce_store=store,
        )

    code = headers["x-dojo-code"]
    refused = code if code in VERDICTS | {"unsigned"} else "ok"
    assert (status == 401) == (refused != "ok"), (status, code)
    if status != 200:
        error = json.loads(body)["error"]
        assert error["code"] == code and error["request_id"] == headers["x-request-id"]
    if request.method != "POST":  # the route is looked for once the head is sound, before the body is there
        assert status in (401, 405)
        assert status == 401 or headers["allow"] == "POST, HEAD"
        return None
    theirs = of_sdk(verify, request)
    assert (refused == "ok") == (theirs == "ok"), (request.kind, refused, theirs, request.headers, request.target)
    if request.kind not in ANY_WORD:
        assert refused == theirs, (request.kind, request.target)
    if refused == "ok":
        try:
            message = json.loads(request.body)["message"]
        except ValueError:
            assert (status, code) == (422, "invalid-body")
        else:
            assert (status, json.loads(body)) == (200, {"message": message})
    return refused


def enough(decided):
    """Of every kind some, so that nothing is proven by chance."""
    assert len(decided) >= COUNT
    assert decided.count("ok") > COUNT / 4
    for verdict in VERDICTS:
        assert decided.count(verdict) >= 3, verdict


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    # Wrong signatures are many here, on purpose.
    config = f"[auth]\nbtauth_max_age_ms = {WINDOW}000\nbtauth_skew_ms = {WINDOW}000\n[quota]\nfailed_per_ip_per_s = 0\n"
    host = DojoHost(tmp_path_factory.mktemp("host"), config, log_level="info")
    yield host
    host.stop()


def test_the_host_decides_over_httpx_as_the_sdk_does(host):
    draw, store, decided, last = random.Random("httpx"), http_auth.InMemoryNonceStore(RETENTION), [], None
    with httpx.Client(base_url=host.url, timeout=60) as client:
        for _ in range(COUNT):
            sent_as = client.build_request("POST", random_target(draw)).url.raw_path.decode()
            request = Drawn(draw, sent_as, host.hotkey, last)
            answer = client.request(request.method, request.target, content=request.body, headers=request.headers)
            assert answer.request.url.raw_path.decode() == request.target
            decided.append(check(request, answer.status_code, answer.headers, answer.content, store, host.hotkey))
            last = request if decided[-1] == "ok" else None
    enough(decided)


def test_the_host_decides_over_aiohttp_as_the_sdk_does(host):
    draw, store, decided = random.Random("aiohttp"), http_auth.InMemoryNonceStore(RETENTION), []

    async def run():
        last = None
        async with aiohttp.ClientSession() as session:
            for _ in range(COUNT):
                sent_as = yarl.URL(host.url + random_target(draw), encoded=True).raw_path_qs
                request = Drawn(draw, sent_as, host.hotkey, last)
                url = yarl.URL(host.url + request.target, encoded=True)
                async with session.request(request.method, url, data=request.body, headers=request.headers) as answer:
                    body = await answer.read()
                    decided.append(check(request, answer.status, answer.headers, body, store, host.hotkey))
                last = request if decided[-1] == "ok" else None

    asyncio.run(run())
    enough(decided)


def test_a_route_may_ask_for_less(start_host):
    host = start_host("[routes.Echo]\nrequire_receiver = false\nmax_age_ms = 600000\nscheme = 'ed25519'\n")

    def status(key, receiver, age):
        body = b'{"message": "hi"}'
        headers = http_auth.sign(
            key, method="POST", path="/Echo", body=body, receiver_ss58=receiver, nonce_ns=time.time_ns() - age * SECOND
        )
        return httpx.post(host.url + "/Echo", content=body, headers=headers).status_code

    sr25519, ed25519 = SIGNERS
    assert status(ed25519, None, 60) == 200
    assert status(ed25519, host.hotkey, 60) == 200
    assert status(ed25519, STRANGER.ss58_address, 60) == 401
    assert status(ed25519, None, 1200) == 401
    assert status(sr25519, host.hotkey, 0) == 401


def test_what_was_seen_is_known_after_a_restart(start_host, tmp_path):
    host = start_host("[auth]\nbtauth_max_age_ms = 600000\n")
    body = b'{"message": "hi"}'
    headers = http_auth.sign(SIGNERS[0], method="POST", path="/Echo", body=body, receiver_ss58=host.hotkey)
    assert httpx.post(host.url + "/Echo", content=body, headers=headers).status_code == 200
    host.popen.kill()
    host.popen.wait()
    again = Process(host.popen.args, tmp_path / "again")
    port = again.first_line.split(":")[1].split(",")[0]
    answer = httpx.post(f"http://127.0.0.1:{port}/Echo", content=body, headers=headers)
    assert (answer.status_code, answer.headers["x-dojo-code"]) == (401, "replayed")
    assert again.terminate() == 0


# --- what `dojo` sends


@pytest.fixture(params=["sr25519", "ed25519"])
def wallet(request, tmp_path):
    """A hotkey file as the SDK writes it."""
    crypto_type = {"sr25519": sp_core.CRYPTO_SR25519, "ed25519": sp_core.CRYPTO_ED25519}[request.param]
    key = sp_core.Keypair.from_mnemonic(sp_core.Keypair.generate_mnemonic(), crypto_type=crypto_type)
    path = tmp_path / "key"
    path.write_bytes(sp_core.serialized_keypair_to_keyfile_data(key))
    return path


def dojo(*arguments, wallet=None):
    environment = os.environ | ({"DOJO_WALLET": str(wallet)} if wallet else {})
    command = [os.environ["DOJO"], *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)


@pytest.fixture(scope="module")
def miner(tmp_path_factory):
    miner = Process([sys.executable, HERE / "btauth_miner.py", STRANGER.ss58_address], tmp_path_factory.mktemp("miner"))
    miner.url = f"127.0.0.1:{int(miner.first_line)}"
    yield miner
    miner.terminate()


def test_a_miner_behind_the_sdk_takes_what_dojo_signs(miner, wallet, tmp_path):
    draw = random.Random(str(wallet))
    sent = [{"message": "".join(draw.choices("abc ü€\\\"\n", k=int(10 ** draw.uniform(0, 5)) - 1))} for _ in range(COUNT)]
    bodies = tmp_path / "bodies.jsonl"
    bodies.write_text("".join(json.dumps(body) + "\n" for body in sent))
    done = dojo(
        *("batch", "--url", f"{miner.url}/v1/a%20b {STRANGER.ss58_address}", "Echo", f"@{bodies}", "--each"),
        *("--dialect", "btauth/1", "--output", "jsonl", "--timeout", 60),
        wallet=wallet,
    )
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [result["body"] for result in sorted(results, key=lambda result: result["index"])] == sent
    assert {result["status"] for result in results} == {200}


def test_dojo_tells_what_fastapi_says(miner, wallet):
    def send(model, *options):
        return dojo("send", miner.url, model, '{"message":"hi"}', "--dialect", "btauth/1", *options, wallet=wallet)

    done = send("Echo", "--to", STRANGER.ss58_address)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"message": "hi"})
    done = send("Echo", "--to", SIGNERS[0].ss58_address)
    assert done.returncode == 1
    assert "request was signed for a different receiving hotkey" in done.stderr
    done = send("Nothing", "--to", STRANGER.ss58_address)
    assert done.returncode == 1
    assert '{"no":"route"}' in done.stderr


def test_dojo_and_dojo_host_speak_it_too(host, wallet):
    done = dojo("send", host.url, "Echo", '{"message":"hi"}', "--dialect", "btauth/1", "--to", host.hotkey, wallet=wallet)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"message": "hi"}), done.stderr
    done = dojo("send", host.url, "Echo", '{"message":5}', "--dialect", "btauth/1", "--to", host.hotkey, wallet=wallet)
    assert done.returncode == 1
    assert "invalid-body: Invalid Echo: message: expected string, got number" in done.stderr


def test_taowires_miner_takes_what_dojo_signs(tmp_path):
    miner = Process([sys.executable, "-B", TAOWIRE_MINER], tmp_path / "miner")
    seed = tmp_path / "alice"  # a validator of the chain that its benchmark makes up
    seed.write_text("0xe5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a")
    bob = sp_core.Keypair.from_uri("//Bob").ss58_address
    url = f"127.0.0.1:{int(miner.first_line)}"
    done = dojo("send", url, "Echo", '{"message":"hi"}', "--dialect", "btauth/1", "--to", bob, wallet=seed)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"message": "hi"}), done.stderr
    done = dojo("send", url, "Echo", '{"message":5}', "--dialect", "btauth/1", "--to", bob, wallet=seed)
    assert done.returncode == 1
    assert "tw." in done.stderr
    miner.terminate()
