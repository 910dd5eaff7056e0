"""dojo-host's command line, config errors, plugins that cannot be served, signals and log."""

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from curl import Background, check, curl
from keys import Key, dojo1, legacy

HI = b'{"message":"hi"}'


def run(*arguments):
    """dojo-host, run to its end."""
    return subprocess.run([os.environ["DOJO_HOST"], *map(str, arguments)], capture_output=True, text=True, timeout=10)


@pytest.fixture
def config(tmp_path):
    def write(text):
        file = tmp_path / "dojo-host.toml"
        file.write_text(text)
        return file

    return write


def built(variable, name):
    return Path(os.environ[variable]) / name


@pytest.fixture
def folder(tmp_path):
    """A plugins folder; `folder(name=file, …)` copies files into it."""

    def fill(**files):
        plugins = tmp_path / "some-plugins"
        plugins.mkdir()
        for name, file in files.items():
            shutil.copy(file, plugins / f"{name}.so")
        return plugins

    return fill


# --- command line ------------------------------------------------------------------------------------------------


def test_version():
    done = run("--version")
    assert done.returncode == 0
    assert re.fullmatch(r"dojo-host \d+\.\d+\.\d+\n", done.stdout)


def test_help_tells_every_option_and_exit_code():
    done = run("--help")
    assert done.returncode == 0
    for word in ("--config", "--listen", "--plugins", "--state", "--wallet", "--log-level", "--log-format"):
        assert word in done.stdout
    assert "Exit codes: 0 stopped, 1 failed" in done.stdout


def test_output_that_is_lost_is_an_error(config, start_host):
    host = start_host()
    for arguments in (
        ["--version"],
        ["--help"],
        ["--config", config(""), "--check-config"],
        ["--probe", built("DOJO_PLUGINS", "echo.so")],
        ["ctl", "--help"],
        ["ctl", "--state", host.config.parent / "state", "plugins"],
        ["ctl", "--state", host.config.parent / "state", "--json", "plugins"],
        ["ctl", "--state", host.config.parent / "state", "metrics"],
    ):
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [os.environ["DOJO_HOST"], *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                timeout=20,
            )
        assert done.returncode == 1, arguments
        assert "could not be written" in done.stderr, arguments


def test_an_encrypted_wallet_without_a_password_ends_the_start(tmp_path):
    wallet = tmp_path / "hotkey"
    wallet.write_text("$ANSIBLE_VAULT;1.1;AES256\n")
    arguments = ["--listen", "127.0.0.1:0", "--state", tmp_path / "state", "--plugins", tmp_path, "--wallet", wallet]
    done = subprocess.run(
        [os.environ["DOJO_HOST"], *map(str, arguments)],
        stdin=subprocess.PIPE,  # nothing will ever come
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=20,
    )
    assert done.returncode == 1
    assert "is encrypted ($ANSIBLE_VAULT)" in done.stderr
    assert "DOJO_WALLET_PASSWORD" in done.stderr


@pytest.mark.parametrize(
    "arguments, error",
    [
        (["--nonsense"], "--nonsense"),
        (["--listen", "nowhere"], "ADDRESS:PORT"),
        (["--listen", "::1:80"], "brackets"),
        (["--log-level", "loud"], "loud"),
        (["--log-format", "xml"], "xml"),
        (["--config", "/nowhere/dojo-host.toml"], "/nowhere/dojo-host.toml: cannot be read: No such file"),
    ],
    ids=str,
)
def test_a_wrong_command_line_is_exit_code_2(arguments, error):
    done = run(*arguments)
    assert done.returncode == 2
    assert error in done.stderr


def test_an_address_that_is_taken_is_exit_code_1(dojo_host, tmp_path):
    done = run("--listen", f"127.0.0.1:{dojo_host.port}", "--state", tmp_path / "state")
    assert done.returncode == 1
    assert str(dojo_host.port) in done.stderr


# --- config ------------------------------------------------------------------------------------------------------

GOOD = """
listen = "[::]:0"
state_dir = "state"
[http]
max_body_bytes = 1_000_000
[auth]
dialects = ["dojo/1"]
[access]
deny = ["5HB7kpn92RS7uF9uWn8bXSvPVKFPg8kPUFDd5sbveGjX6Dbi"]
[dispatch]
workers = 2
[compression]
level = 5
[log]
level = "debug"
[plugins.score]
shortest_word = 3
"""


def test_a_good_config_is_said_to_be_good_and_nothing_is_started(config):
    file = config(GOOD)
    done = run("--check-config", "--config", file)
    callers = "who may call: 1 rule decides first; all others may call\n"
    assert (done.returncode, done.stdout) == (0, f"{callers}{file}: good\n"), done.stderr
    assert all(line.startswith("warning: ") for line in done.stderr.splitlines())
    assert not (file.parent / "state").exists()


def test_the_config_that_ships_is_good():
    shipped = Path(__file__).parents[2] / "etc" / "dojo-host.toml"
    if not shipped.exists():
        pytest.skip("etc/dojo-host.toml is not there")
    done = run("--check-config", "--config", shipped)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "text, line, error",
    [
        ("listen = 5", 1, "listen must be a string"),
        ('listen = "here"', 1, "ADDRESS:PORT"),
        ("\n\nlisten_at = 5", 3, "there is no key listen_at"),
        ("[http]\nmax_body_byte = 5", 2, "there is no key http.max_body_byte"),
        ('[http]\nmax_body_bytes = "5"', 2, "http.max_body_bytes must be an integer"),
        ("[http]\nmax_body_bytes = 5.5", 2, "http.max_body_bytes must be an integer"),
        ("[http]\nmax_body_bytes = 0", 2, "http.max_body_bytes must be an integer of 1 or more"),
        ("http = 5", 1, "http must be a table"),
        ("[auth]\nany_receiver = 1", 2, "auth.any_receiver must be true or false"),
        ('[auth]\ndialects = "legacy"', 2, "auth.dialects must be a list"),
        ('[auth]\ndialects = [\n"legacy",\n"morse"]', 4, 'there is no dialect "morse"'),
        ('[access]\ndeny = ["nobody"]', 2, 'access.deny[0]: "nobody" is no hotkey'),
        ("[access]\ndeny = [5]", 2, "access.deny[0] must be a string"),
        ("[dispatch]\nworkers = -1", 2, "dispatch.workers must be an integer from 0 to 1024"),
        ("[compression]\nlevel = 99", 2, "compression.level must be an integer from 1 to 22"),
        ('[log]\nlevel = "loud"', 2, "loud"),
        ('[log]\nformat = "xml"', 2, "log.format"),
        ("[plugins]\nscore = 5", 2, "plugins.score must be a table"),
        ("[nonsense]", 1, "there is no key nonsense"),
        ("[http]\nthreads = 1\nthreads = 2", 3, "threads"),
        ('listen = "', 1, "string"),
    ],
    ids=str,
)
@pytest.mark.parametrize("check_only", [True, False], ids=["--check-config", "start"])
def test_a_wrong_config_is_named_by_file_and_line(config, text, line, error, check_only):
    file = config(text)
    done = run("--config", file, *["--check-config"] * check_only)
    assert done.returncode == 2
    assert re.search(rf"^{re.escape(str(file))}:{line}: .*{re.escape(error)}", done.stderr, re.MULTILINE), done.stderr


def test_every_fault_of_a_config_is_told_at_once(config):
    done = run("--check-config", "--config", config("one = 1\n[http]\ntwo = 2\nbacklog = true\n"))
    assert [line.split(":")[1] for line in done.stderr.strip().split("\n")] == ["1", "3", "4"]


# --- plugins -----------------------------------------------------------------------------------------------------


def any_library():
    """A shared object that is no plugin."""
    listed = subprocess.run(["ldd", os.environ["DOJO_HOST"]], capture_output=True, text=True, check=True).stdout
    return Path(re.search(r"=> (\S*libzstd\S*)", listed)[1]).resolve()


def test_broken_files_do_not_keep_good_plugins_from_serving(start_host, folder, tmp_path, validator):
    text = tmp_path / "text"
    text.write_text("not a shared object\n" * 100)
    empty = tmp_path / "empty"
    empty.touch()
    plugins = folder(a_text=text, b_empty=empty, c_library=any_library(), echo=built("DOJO_PLUGINS", "echo.so"))
    (plugins / "d_folder.so").mkdir()
    (plugins / "e_dangling.so").symlink_to("nowhere")
    (plugins / "README").write_text("no plugin, and none of the host's business")
    host = start_host(plugins=plugins)
    check(curl(host.url + "/Echo", legacy(validator), HI), 200, "ok", body={"message": "hi"})
    refused = re.findall(r"plugin refused file=\S*/(\w+)\.so reason=(.+)", host.log())
    assert [name for name, _ in refused] == ["a_text", "b_empty", "c_library"]  # the others are no files
    assert all(reason.strip('"') for _, reason in refused)
    assert "no note" in dict(refused)["c_library"]


def test_two_plugins_that_claim_one_route_are_both_named(start_host, folder, validator):
    plugins = folder(echo=built("DOJO_PLUGINS", "echo.so"), rival=built("DOJO_TEST_PLUGINS", "rival.so"))
    host = start_host(plugins=plugins)
    check(curl(host.url + "/Echo", legacy(validator), HI), 200, "ok", body={"message": "hi"})  # the first one's
    [reason] = re.findall(r"plugin waits: another has what it claims file=\S*/rival\.so reason=(.+)", host.log())
    assert "/Echo is claimed by both echo and rival" in reason


def test_a_plugins_config_reaches_it(start_host, validator):
    host = start_host("[plugins.score]\nmost_completions = 1\n")
    answer = curl(host.url + "/ScoreRequest", legacy(validator), b'{"prompt":"a","completions":["a","b"]}')
    check(answer, 413, "handler", "more than 1 completions")


@pytest.mark.parametrize("line", ["nonsense = 1", 'most_completions = "two"'])
def test_a_plugins_wrong_config_is_named_by_file_and_line(start_host, validator, line):
    host = start_host(f"[plugins.score]\n{line}\n")
    [reason] = re.findall(r"plugin refused file=\S*/score\.so reason=(.+)", host.log())
    assert f"{host.config}:3: " in reason and line.split()[0] in reason
    check(curl(host.url + "/Echo", legacy(validator), HI), 200, "ok", body={"message": "hi"})


def test_config_for_a_plugin_that_is_not_there_is_named(start_host):
    host = start_host("[plugins.scoer]\nnonsense = 1\n")
    assert re.search(r"warning .*plugin=scoer where=\S+:3", host.log())


def test_a_folder_that_is_not_there_is_named(start_host, tmp_path):
    host = start_host(plugins=tmp_path / "nowhere")
    assert re.search(r"error .*the plugins folder cannot be read folder=\S*/nowhere", host.log())


# --- identity ----------------------------------------------------------------------------------------------------


def test_an_identity_is_kept_and_kept_private(start_host):
    host = start_host()
    identity = host.config.parent / "state" / "identity.json"
    assert identity.stat().st_mode & 0o777 == 0o600
    assert identity.parent.stat().st_mode & 0o777 == 0o700
    secrets = json.loads(identity.read_text())
    host.stop()
    again = start_host(f'wallet = "{identity}"\n')
    assert again.hotkey == host.hotkey == secrets["ss58Address"]
    for name, value in secrets.items():
        if name.startswith("secret") or name == "privateKey":
            assert value not in host.log() + again.log()


def test_a_wallet_that_cannot_be_read_is_exit_code_1(config, tmp_path):
    missing = tmp_path / "no-wallet"
    done = run("--config", config('listen = "127.0.0.1:0"\nstate_dir = "state"\n'), "--wallet", missing)
    assert done.returncode == 1
    assert str(missing) in done.stderr


# --- signals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_idle_host_at_once(start_host, which):
    host = start_host()
    host.signal(which)
    assert host.wait() == 0


def test_a_second_signal_stops_at_once(start_host, validator):
    host = start_host()
    running = Background(curl, host.url + "/Slow", legacy(validator), b'{"ms":15000}')
    host.wait_for_log("slow began")
    host.signal()
    host.wait_for_log("draining")
    assert host.popen.poll() is None
    host.signal()
    assert host.wait() == 1
    assert "stopped at once" in host.log()
    with pytest.raises(AssertionError):
        running.result()


# --- log ---------------------------------------------------------------------------------------------------------

SECRET = "a-text-that-no-log-may-hold"
NAMES_A_REQUEST = {"answered", "refused", "handler failed", "deadline passed"}


def provoke_every_kind(host, key):
    """Requests of all kinds, with SECRET in each body and message; (signatures sent, request ids answered)."""
    body = b'{"message":"%s"}' % SECRET.encode()
    stranger = Key("stranger")
    calls = [
        ("/Echo", dojo1(key, host.hotkey, body=body), body),
        ("/Echo", dojo1(key, host.hotkey, body=b"else"), body),
        ("/Echo", dojo1(key, stranger.address, body=body), body),
        ("/Echo", legacy(key), body[:-1]),
        ("/Echo", legacy(key), b'{"message":5,"%s":1}' % SECRET.encode()),
        ("/Echo", legacy(key) | {"content-encoding": "zstd"}, body),
        ("/Echo", legacy(key, signature=stranger.sign("else")), body),
        ("/Echo", legacy(key) | {"x-message": SECRET}, body),
        ("/Echo", legacy(key) | {"x-message": "dojo/1 " + SECRET}, body),
        ("/Echo", {}, body),
        ("/" + "Nothing", legacy(key), body),
        ("/Fail", legacy(key), b'{"how":"http","%s":1}' % SECRET.encode()),
        ("/Fail", legacy(key), b'{"how":"exception"}'),
        ("/Slow", legacy(key), b'{"ms":3000,"x":"%s"}' % SECRET.encode()),
    ]
    signatures, ids = [], []
    for path, headers, sent in calls:
        answer = curl(host.url + path, headers, sent)
        signatures.append(headers.get("x-signature", "0x-")[2:])
        ids.append(answer.headers["x-request-id"])
        assert SECRET not in (answer.json["error"] or "")
    return [signature for signature in signatures if signature != "-"], ids


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_body_message_or_signature_is_logged_at_debug(start_host, validator, log_format):
    host = start_host("[dispatch]\ndeadline_ms = 500\n", log_format=log_format)
    signatures, ids = provoke_every_kind(host, validator)
    host.stop()
    log = host.log()
    assert SECRET not in log
    assert "solemnly" not in log and "nonce=" not in log
    for signature in signatures:
        assert signature[:32] not in log and signature[-32:] not in log
    for request_id in ids:
        assert request_id in log


def test_json_lines_parse_and_name_their_request(start_host, validator):
    host = start_host("[dispatch]\ndeadline_ms = 500\n", log_format="json")
    _, ids = provoke_every_kind(host, validator)
    host.stop()
    lines = [json.loads(line) for line in host.log().splitlines()]
    for line in lines:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
        assert line["level"] in ("debug", "info", "warning", "error")
        if line["message"] in NAMES_A_REQUEST:
            assert line["request"] in ids
    assert {line["message"] for line in lines} >= NAMES_A_REQUEST
    assert {line.get("request") for line in lines} >= set(ids)


def test_a_peer_cannot_forge_a_field(start_host, validator):
    host = start_host()
    curl(host.url + "/Echo", legacy(validator) | {"x-hotkey": 'x"\\" forged=1 level=error'})
    host.stop()
    [line] = [line for line in host.log().splitlines() if " refused " in line]
    fields = dict(re.findall(r'(\w+)=("(?:\\.|[^"\\])*"|\S*)', line))
    assert list(fields) == ["request", "peer", "hotkey", "route", "code", "rule", "reason"]
