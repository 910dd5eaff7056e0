"""twresp/1 both ways: taowire's ValidatorClient takes what dojo-host signs, and `dojo` what taowire's miner does; and neither takes
what was changed on the way."""

import asyncio
import base64
import http.client
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from bittensor import http_auth, sp_core
from taowire.extensions.response_sig import verify_response
from taowire.testing.keys import dev_key
from taowire.validator.client import ValidatorClient

from neurons import neuron
from processes import HERE, Process

TAOWIRE_MINER = HERE.parent / "bench" / "peers" / "taowire" / "miner.py"
SCHEMES = {"sr25519": sp_core.CRYPTO_SR25519, "ed25519": sp_core.CRYPTO_ED25519}
BODY = b'{"message": "hi"}'
CONFIG = "[auth]\nbtauth_sign_answers = true\nbtauth_max_age_ms = 600000\n"
COUNT = 200


def write_wallet(path, scheme):
    key = sp_core.Keypair.from_mnemonic(sp_core.Keypair.generate_mnemonic(), crypto_type=SCHEMES[scheme])
    path.write_bytes(sp_core.serialized_keypair_to_keyfile_data(key))
    path.chmod(0o600)
    return path


@pytest.fixture(params=SCHEMES)
def wallet(request, tmp_path):
    return write_wallet(tmp_path / "validator", request.param)


def dojo(*arguments, wallet=None):
    environment = os.environ | ({"DOJO_WALLET": str(wallet)} if wallet else {})
    command = [os.environ["DOJO"], *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)


def send(url, hotkey, wallet, *options):
    return dojo(
        *("send", url, "Echo", BODY.decode(), "--dialect", "btauth/1", "--to", hotkey, "--retries", 1), *options, wallet=wallet
    )


def query(port, hotkey, key, bodies):
    """What taowire makes of the host's answers."""

    async def run():
        async with ValidatorClient(key.signer(), timeout_s=60) as client:
            return [await client.query(neuron(port, hotkey), "/Echo?a=%2F", body) for body in bodies]

    return asyncio.run(run())


class Relay(ThreadingHTTPServer):
    """Stands between, and changes answers: `change(headers, body)` @return the body, and may change the headers."""

    def __init__(self, port):
        self.change = lambda headers, body: body

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                there = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                there.request("POST", self.path, body, dict(self.headers))
                answer = there.getresponse()
                headers = {name.lower(): value for name, value in answer.getheaders()}
                body = self.server.change(headers, answer.read())
                self.send_response_only(answer.status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                there.close()

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


@pytest.fixture
def host(start_host):
    return start_host(CONFIG)


@pytest.fixture
def relay(host):
    relay = Relay(host.port)
    yield relay
    relay.shutdown()
    relay.server_close()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_taowire_takes_what_the_host_signs(start_host, tmp_path, scheme):
    host = start_host(f'wallet = "{write_wallet(tmp_path / "miner", scheme)}"\n' + CONFIG)
    for key in (dev_key("alice"), dev_key("alice", "ed25519")):
        bodies = [json.dumps({"message": "ü" * size}).encode() for size in range(COUNT)]
        for body, result in zip(bodies, query(host.port, host.hotkey, key, bodies)):
            assert (result.ok, result.status, result.response_verified) == (True, 200, True), result
            assert json.loads(result.data) == json.loads(body)
        (refused,) = query(host.port, host.hotkey, key, [b'{"message": 5}'])
        assert (refused.ok, refused.status, refused.response_verified) == (False, 422, True), refused


def test_taowire_takes_none_that_is_not_signed(start_host):
    host = start_host(CONFIG + "[routes.Echo]\nsign_answers = false\n")
    (result,) = query(host.port, host.hotkey, dev_key("alice"), [BODY])
    assert (result.ok, result.error_code) == (False, "tw.bad_response_signature")


def test_dojo_keeps_a_proof_that_others_can_check(host, wallet, tmp_path):
    done = send(host.url, host.hotkey, wallet, "--proof", tmp_path / "proof")
    assert done.returncode == 0, done.stderr
    proof = json.loads((tmp_path / "proof").read_text())
    asked, answered = proof["request"], proof["answer"]
    assert proof["version"] == 1
    http_auth.verify(
        asked["headers"],
        base64.b64decode(asked["body"]),
        method=asked["method"],
        path=asked["target"],
        self_hotkey_ss58=host.hotkey,
        max_age=600,
        nonce_store=http_auth.InMemoryNonceStore(1200),
    )
    verify_response(
        answered["headers"],
        expected_responder=host.hotkey,
        request_nonce=int(asked["headers"]["x-bittensor-nonce"]),
        sender_ss58=asked["headers"]["x-bittensor-hotkey"],
        status=answered["status"],
        body=base64.b64decode(answered["body"]),
    )
    told = dojo("verify-proof", tmp_path / "proof")
    assert told.returncode == 0, told.stderr
    assert f'{host.hotkey} has answered\n  HTTP status 200\n  16 bytes: {{"message":"hi"}}' in told.stdout


def test_dojo_takes_what_taowires_miner_signs(tmp_path):
    miner = Process([sys.executable, "-B", TAOWIRE_MINER], tmp_path / "miner")
    seed = tmp_path / "alice"  # a validator of the chain that its benchmark makes up
    seed.write_text("0xe5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a")
    url = f"127.0.0.1:{int(miner.first_line)}"
    bob = dev_key("bob").ss58
    done = send(url, bob, seed, "--proof", tmp_path / "proof")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"message": "hi"}), done.stderr
    assert dojo("verify-proof", tmp_path / "proof").returncode == 0
    # An answer of its own, if not one that a validator would like.
    command = ("call", "POST", url + "/Echo?x", "{}", "--content-type", "application/json", "--dialect", "btauth/1")
    done = dojo(*command, "--to", bob, "--proof", tmp_path / "refusal", wallet=seed)
    assert done.returncode == 1
    assert "tw." in done.stdout
    told = dojo("verify-proof", tmp_path / "refusal")
    assert "POST /Echo?x" in told.stdout and "HTTP status 422" in told.stdout
    miner.terminate()


def test_what_is_changed_on_the_way_is_refused(host, relay, wallet, tmp_path):
    def through(*options):
        return send(f"127.0.0.1:{relay.port}", host.hotkey, wallet, "--request-id", "mine", *options)

    def byte(headers, body):
        return body.replace(b"hi", b"ho")

    def hotkey(headers, body):
        headers["x-tw-resp-hotkey"] = dev_key("bob").ss58
        return body

    def request_id(headers, body):
        headers["x-request-id"] = "another"
        return body

    def unsigned(headers, body):
        for name in [name for name in headers if name.startswith("x-tw-resp-")]:
            del headers[name]
        return body

    done = through("--proof", tmp_path / "good")
    assert done.returncode == 0, done.stderr
    for change, why, of_taowire in (
        (byte, "the answer's signature is wrong: it is not this miner's answer to this request", "tw.bad_response_signature"),
        (hotkey, f"the answer is signed by another hotkey than {host.hotkey}", "tw.bad_response_signature"),
        (request_id, 'the answer is to another request: its x-request-id is "another"', None),
        (unsigned, "the answer is not signed", "tw.bad_response_signature"),
    ):
        relay.change = change
        done = through("--proof", tmp_path / "bad")
        assert (done.returncode, done.stdout) == (1, ""), change.__name__
        assert why in done.stderr
        assert not (tmp_path / "bad").exists()
        (result,) = query(relay.port, host.hotkey, dev_key("alice"), [BODY])
        assert result.error_code == of_taowire
