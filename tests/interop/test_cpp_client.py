"""The `dojo` command, and with it dojo::Client, against the published package's Server; and against dojo-host."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from bittensor_wallet import Wallet

from keys import Key
from processes import wait_until

HI = '{"message":"hi"}'
SIZES = {"no message": 0, "1 KB": 1 << 10, "1 MB": 1 << 20}
ANSWERED, REFUSED, USAGE, UNREACHABLE = 0, 1, 2, 3


@pytest.fixture(scope="session")
def wallet(tmp_path_factory):
    """A hotkey file, made by bittensor-wallet: its path and address."""
    wallet = Wallet(name="validator", hotkey="default", path=str(tmp_path_factory.mktemp("wallets")))
    wallet.create_new_hotkey(use_password=False, overwrite=True, suppress=True)
    return Path(wallet.hotkey_file.path), wallet.hotkey.ss58_address


class Outcome:
    """What a `dojo` command left behind."""

    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    @property
    def envelope(self):
        return json.loads(self.out)

    @property
    def results(self):
        """Of `batch --output jsonl`."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def attempts(self):
        return int(re.search(r"\* attempts (\d+)", self.err)[1])

    @property
    def status(self):
        return int(re.search(r"HTTP status (\d+)", self.err)[1])

    def header(self, name):
        found = re.search(rf"^< {name}: (.*)$", self.err, re.MULTILINE | re.IGNORECASE)
        return found and found[1]


@pytest.fixture
def dojo(wallet):
    """dojo(command, …): runs it, signing with the wallet."""

    def run(*arguments, stdin=""):
        command = [os.environ["DOJO"], *map(str, arguments)]
        environment = {**os.environ, "DOJO_WALLET": str(wallet[0])}
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, env=environment)
        return Outcome(done)

    return run


@pytest.fixture
def send(dojo):
    """send(url, model, json, …): `dojo send -v`."""

    def send(url, model, text, *options):
        return dojo("send", url, model, "-", "-v", *options, stdin=text)

    return send


def echo(size):
    return {"message": ("0123456789abcdef" * (size // 16 + 1))[:size]}


def requests_seen(server, since=0):
    """The request lines in the Python server's access log."""
    return re.findall(r'"(HEAD|POST) (/\w+) HTTP/1.1" (\d+)', server.log()[since:])


# --- to the published package's Server ---------------------------------------------------------------------------


@pytest.mark.parametrize("preflight", [["--preflight"], ["--no-preflight"], []], ids=["always", "never", "auto"])
@pytest.mark.parametrize("dialect", ["legacy", "dojo/1"])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_a_python_server_answers(send, python_server, size, dialect, preflight):
    model = echo(size)
    outcome = send(python_server.url, "Echo", json.dumps(model), "--dialect", dialect, *preflight)
    assert outcome.code == ANSWERED, outcome.err
    assert outcome.envelope == {"body": model, "error": None, "metadata": {}}
    assert outcome.header("content-encoding") == "zstd"
    assert outcome.attempts == 1


@pytest.mark.parametrize(
    "option, size, methods",
    [
        ("--preflight", 10, ["HEAD", "POST"]),
        ("--no-preflight", 300_000, ["POST"]),
        (None, 10, ["POST"]),
        (None, 300_000, ["HEAD", "POST"]),
    ],
)
def test_the_preflight_goes_where_it_saves_something(send, python_server, option, size, methods):
    before = len(python_server.log())
    # Random digits, so that zstd leaves more than the 64 KiB over which a preflight pays.
    text = json.dumps({"message": os.urandom(size // 2).hex()})
    assert send(python_server.url, "Echo", text, *[option] * bool(option)).code == ANSWERED
    wait_until(lambda: len(requests_seen(python_server, before)) >= len(methods), "the access log")
    assert requests_seen(python_server, before) == [(method, "/Echo", "200") for method in methods]


def test_plain_json_is_answered_too(send, python_server):
    outcome = send(python_server.url, "Echo", HI, "--no-compress")
    assert (outcome.code, outcome.envelope["body"]) == (ANSWERED, {"message": "hi"})
    assert outcome.header("content-encoding") is None


def test_text_beyond_ascii_arrives(send, python_server):
    outcome = send(python_server.url, "Echo", '{"message":"très \\u2713 ✓ \\ud83d\\ude00 \\u0000"}')
    assert (outcome.code, outcome.envelope["body"]) == (ANSWERED, {"message": "très ✓ ✓ 😀 \0"})


@pytest.mark.parametrize("preflight", ["--preflight", "--no-preflight"])
@pytest.mark.parametrize("dialect", ["legacy", "dojo/1"])
def test_a_server_that_does_not_believe_refuses(
    send, start_gateway, start_python_server, validator, dialect, preflight
):
    server = start_python_server(start_gateway(validator, "--refuse"))
    outcome = send(server.url, "Echo", HI, "--dialect", dialect, preflight, "--retries", 3)
    assert (outcome.code, outcome.status, outcome.attempts) == (REFUSED, 403, 1)
    if preflight == "--no-preflight":
        assert "Forbidden due to invalid signature" in outcome.err


def test_a_handlers_http_exception_is_told(send, python_server):
    outcome = send(python_server.url, "Teapot", "{}", "--retries", 3)
    assert (outcome.code, outcome.status, outcome.attempts) == (REFUSED, 418, 1)
    assert "dojo: teapot" in outcome.err
    assert outcome.envelope["error"] == "teapot"


def test_a_handlers_other_exception_is_an_error_that_is_not_tried_again(send, python_server):
    outcome = send(python_server.url, "Raises", "{}", "--retries", 3)
    assert (outcome.code, outcome.status, outcome.attempts) == (REFUSED, 200, 1)
    assert "Internal server error: what only the log should know" in outcome.err


def test_a_handler_that_returns_nothing_is_an_empty_body(send, python_server):
    outcome = send(python_server.url, "Silent", "{}")
    assert (outcome.code, outcome.status) == (ANSWERED, 200)


@pytest.mark.parametrize("preflight", ["--preflight", "--no-preflight"])
def test_an_unknown_path_is_refused_once(send, python_server, preflight):
    outcome = send(python_server.url, "Nothing", "{}", preflight, "--retries", 3)
    assert (outcome.code, outcome.status, outcome.attempts) == (REFUSED, 404, 1)


def test_a_model_that_does_not_validate_is_refused_once(send, python_server):
    outcome = send(python_server.url, "Echo", '{"message":5}', "--retries", 3)
    assert (outcome.code, outcome.status, outcome.attempts) == (REFUSED, 400, 1)
    assert "Validation error" in outcome.err


def test_a_timeout_is_tried_again(send, python_server):
    before = len(python_server.log())
    outcome = send(python_server.url, "Late", "{}", "--timeout", 0.3, "--retries", 2)
    assert (outcome.code, outcome.attempts) == (UNREACHABLE, 2)
    assert len(re.findall("Attempting to validate payload", python_server.log()[before:])) == 2


def test_a_slow_answer_in_time_is_an_answer(send, python_server):
    assert send(python_server.url, "Late", "{}", "--timeout", 10).code == ANSWERED


# --- several at once ---------------------------------------------------------------------------------------------


def test_a_batch_over_several_servers_keeps_its_order(
    dojo, tmp_path, gateway, python_server, start_python_server, start_host
):
    host = start_host()
    another = start_python_server(gateway)
    silent = "http://127.0.0.1:1"  # nobody listens there
    targets = [python_server.url, f"{host.url} {host.hotkey}", silent, another.url, host.url.removeprefix("http://")]
    file = tmp_path / "miners.txt"
    file.write_text("# miners\n" + "\n".join(targets) + "\n")
    outcome = dojo("batch", file, "Echo", HI, "--output", "jsonl", "--retries", 1)
    assert outcome.code == REFUSED, outcome.err
    assert [result["index"] for result in outcome.results] == [0, 1, 2, 3, 4]
    assert [result["ok"] for result in outcome.results] == [True, True, False, True, False]
    assert [result["status"] for result in outcome.results] == [200, 200, 0, 200, 403]
    assert outcome.results[4]["code"] == "wrong-receiver"  # no receiver was named, and the host wants its own
    for result in outcome.results:
        assert result.get("body") == ({"message": "hi"} if result["ok"] else None)


def test_a_batch_of_different_bodies(dojo, tmp_path, python_server, start_host):
    host = start_host("[auth]\nany_receiver = true\n")
    file = tmp_path / "bodies.jsonl"
    bodies = [{"message": f"number {i}"} for i in range(40)]
    file.write_text("\n".join(map(json.dumps, bodies)))
    for server in (python_server, host):
        outcome = dojo("batch", "--url", server.url, "--each", "Echo", f"@{file}", "--output", "jsonl")
        assert outcome.code == ANSWERED, outcome.err
        assert [result["body"] for result in outcome.results] == bodies


# --- to dojo-host ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preflight", ["--preflight", "--no-preflight"])
@pytest.mark.parametrize("dialect", ["legacy", "dojo/1"])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_dojo_host_answers(send, dojo_host, size, dialect, preflight):
    model = echo(size)
    options = ["--dialect", dialect, preflight, "--to", dojo_host.hotkey]
    outcome = send(dojo_host.url, "Echo", json.dumps(model), *options)
    assert outcome.code == ANSWERED, outcome.err
    assert outcome.envelope == {"body": model, "error": None, "metadata": {}}
    assert outcome.header("x-dojo-code") == "ok"


def test_1000_requests_are_all_answered(dojo, start_host):
    host = start_host()
    outcome = dojo("batch", "--url", f"{host.url} {host.hotkey}", "Echo", HI, "--repeat", 1000)
    assert outcome.code == ANSWERED, outcome.out + outcome.err
    assert re.search(r"answered +1000\b", outcome.out)
    assert host.stop() == {"ok": 1000}


def test_1000_requests_of_the_legacy_dialect_are_all_answered(dojo, start_host):
    host = start_host()
    outcome = dojo("batch", "--url", host.url, "--dialect", "legacy", "Echo", HI, "--repeat", 1000)
    assert outcome.code == ANSWERED, outcome.out + outcome.err
    assert host.stop() == {"ok": 1000}


def test_the_host_names_the_wallets_hotkey(send, wallet, start_host):
    host = start_host()
    assert send(host.url, "Echo", HI, "--to", host.hotkey).code == ANSWERED
    host.wait_for_log(f"hotkey={wallet[1]} code=ok")


def test_a_request_for_another_receiver_is_refused(send, dojo_host):
    outcome = send(dojo_host.url, "Echo", HI, "--to", Key("another miner").address, "--retries", 3)
    assert (outcome.code, outcome.status, outcome.attempts) == (REFUSED, 403, 1)
    assert "wrong-receiver" in outcome.err


@pytest.mark.parametrize("preflight", ["--preflight", "--no-preflight"])
def test_a_blacklisted_caller_does_not_try_again(send, wallet, start_host, preflight):
    host = start_host(f'[access]\ndeny = ["{wallet[1]}"]\n')
    outcome = send(host.url, "Echo", HI, "--to", host.hotkey, preflight, "--retries", 3)
    assert (outcome.code, outcome.status, outcome.attempts) == (REFUSED, 200, 1)
    assert "blacklisted" in outcome.err


def test_handlers_errors_are_told(send, dojo_host):
    for how, status, said in [("http", 418, "teapot"), ("exception", 200, "Internal server error (request r-1)")]:
        body = json.dumps({"how": how})
        outcome = send(dojo_host.url, "Fail", body, "--to", dojo_host.hotkey, "--request-id", "r-1", "--retries", 3)
        assert (outcome.code, outcome.status, outcome.attempts) == (REFUSED, status, 1)
        assert said in outcome.err


def test_a_full_queue_is_tried_again(dojo, start_host):
    host = start_host("[dispatch]\nworkers = 1\nqueue = 1\n")
    target = f"{host.url} {host.hotkey}"
    outcome = dojo("batch", "--url", target, "Slow", '{"ms":200}', "--repeat", 3, "--retries", 5, "--output", "jsonl")
    assert outcome.code == ANSWERED, outcome.out + outcome.err
    totals = host.stop()
    assert totals["ok"] == 3 and totals["overloaded"] >= 1
    assert sum(result["attempts"] for result in outcome.results) == totals["ok"] + totals["overloaded"]
