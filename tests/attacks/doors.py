"""Doors that need no force: each is tried on the programs as they ship, and has to be shut."""

import hashlib
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
import unicodedata
import uuid
from pathlib import Path

from processes import DojoHost

ECHO = json.dumps({"message": "hi"})
ENVELOPE = b'{"body":{"message":"hi"},"error":null,"metadata":{}}'


def run(*arguments):
    return subprocess.run([os.environ["DOJO_COMMAND"], *map(str, arguments)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)


def plugins(folder, *names):
    """A folder with these, of the shipped ones and the tests'."""
    folder.mkdir(parents=True)
    for name in names:
        shipped = Path(os.environ["DOJO_PLUGINS"]) / f"{name}.so"
        shutil.copyfile(shipped if shipped.is_file() else Path(os.environ["DOJO_ATTACKS"]) / "plugins" / f"{name}.so",
                        folder / f"{name}.so")
    return folder


def echo(host, *arguments):
    """Exit code and words of a caller with a key of its own."""
    done = run("send", f"127.0.0.1:{host.port}", "Echo", ECHO, "--to", host.hotkey, "--retries", 1, *arguments)
    return done.returncode, done.stdout + done.stderr


def other_signatures(folder, start, check):
    """Whatever else a hotkey has signed, sent as if it were a request of the legacy dialect."""
    host = start(DojoHost(folder, plugins=plugins(folder / "plugins", "echo")))
    key, stranger = folder / "key", folder / "stranger"
    own, other = (run("keygen", file).stdout.strip() for file in (key, stranger))
    body = hashlib.sha256(ECHO.encode()).hexdigest()
    moment, nonce = time.time_ns() // 10**6, uuid.uuid4()
    swear = "I solemnly swear that I am up to some good. Hotkey: "

    def code_of(text):
        signature = run("sign", "--wallet", key, text).stdout.strip()
        connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=10)
        connection.request("POST", "/Echo", ECHO, {"x-hotkey": own, "x-message": text, "x-signature": signature})
        return connection.getresponse().getheader("x-dojo-code")

    check("legacy: its own text is a request", code_of(swear + own) == "ok")
    for name, text in {
        "an axon's": f"{moment * 10**6}.{own}.{host.hotkey}.{nonce}.{body}",
        "Epistula's": f"{body}.{nonce}.{moment}.{host.hotkey}",
        "a wrapped dojo/1": f"<Bytes>dojo/1 POST /Echo to={host.hotkey} ts={moment} nonce={nonce.hex} body={body}</Bytes>",
        "another hotkey's": swear + other,
        "a longer one": swear + own + " and more",
        "a log-in's": f"Sign in to example.org as {own}",
    }.items():
        code = code_of(text)
        check(f"legacy: {name} text is none: {code}", code == "malformed")
    host.stop()


def open_to_all(folder, start, check):
    """A host that other machines reach, of which nobody has said who may call."""
    host = start(DojoHost(folder, plugins=plugins(folder / "plugins", "echo"), listen="0.0.0.0:0"))
    code, said = echo(host)
    check(f"on 0.0.0.0, without a word of who may call, nobody may: {said.splitlines()[-1]}", code == 1 and "Blacklisted" in said)
    host.stop()
    host = start(DojoHost(folder, '[access]\ndefault = "allow"\n', folder / "plugins", listen="0.0.0.0:0"))
    check("and everybody where that is said", echo(host)[0] == 0)
    host.stop()


def files_of_others(folder, start, check):
    """Plugins, a config and a wallet that others can write."""
    theirs = plugins(folder / "plugins", "echo")
    theirs.chmod(0o777)
    host = start(DojoHost(folder, plugins=theirs))
    check("a plugin in a folder that others can write serves nobody", echo(host)[0] == 1)
    check("and the log has the chmod to type", f"chmod go-w {theirs}" in host.log())
    host.stop()
    theirs.chmod(0o755)
    host.config.chmod(0o666)
    run("keygen", folder / "key")
    (folder / "key").chmod(0o666)
    for what, arguments in {"config": ["--config", host.config],
                            "wallet": ["--wallet", folder / "key", "--state", folder / "other"]}.items():
        done = subprocess.run([os.environ["DOJO_HOST"], *arguments, "--plugins", theirs, "--check-config"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        check(f"a {what} that others can write is refused with the chmod: {done.stdout.strip().splitlines()[:1]}",
              done.returncode == 2 and f"chmod go-w {arguments[1]}" in done.stdout)


# C1 and bidi controls, and what would be a line and fields of the host's own.
FORGED = "\u009b2J\u202e [error] forged level=error code=ok"
FORGED_LINE = "\n2026-01-01 00:00:00.000 error   forged\r" + FORGED


def words_of_others(folder, start, check):
    """What peers and plugins say, in both forms of the log."""
    some = plugins(folder / "plugins", "reader", "echo")
    for form in ("text", "json"):
        config = '[run.reader]\nisolation = "process"\n'
        host = start(DojoHost(folder / form, config, some, log_format=form))
        with socket.create_connection(("127.0.0.1", host.port)) as peer:
            peer.sendall(b"POST /Echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n"
                         + "".join(f"{name}: {FORGED}\r\n" for name in ("x-hotkey", "x-message", "x-signature",
                                                                       "x-request-id")).encode() + b"\r\n")
            while peer.recv(4096):
                pass
        for model in ("Say", "Print"):
            run("send", f"127.0.0.1:{host.port}", model, json.dumps({"text": FORGED_LINE}), "--to", host.hotkey, "--retries", 1)
        host.wait_for_log("it printed: ")
        log = host.log()
        host.stop()
        raw = {c for c in log if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")}
        check(f"{form}: nothing that a terminal obeys is in the log: {raw}", not raw)
        lines = [line for line in log.splitlines() if "forged" in line]
        if form == "json":
            levels = [json.loads(line)["level"] for line in lines]
        else:
            levels = [re.match(r"\S+ \S+ (\S+) ", line)[1] for line in lines]
            # A field of the host's own stands outside of quotes.
            bare = [re.sub(r'"(?:[^"\\]|\\.)*"', "", line) for line in lines]
            check("text: no field is forged", not any("=error" in line or "=ok" in line for line in bare))
        check(f"{form}: the peer's, what the plugin says and what it prints are a line each: {levels}", levels == 3 * ["info"])


class Miner(threading.Thread):
    """Answers whatever comes by these bytes, and closes."""

    def __init__(self, answer):
        super().__init__(daemon=True)
        self.answer, self.listener = answer, socket.create_server(("127.0.0.1", 0))
        self.url = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.start()

    def run(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with peer:
                peer.recv(65536)
                peer.sendall(self.answer)
                peer.shutdown(socket.SHUT_WR)
                try:
                    while peer.recv(65536):
                        pass
                except ConnectionError:
                    pass


def bad_miners(folder, start, check):
    """What is no whole HTTP/1.1 answer to this very request is none for the caller."""
    del folder, start

    def answer(line=b"HTTP/1.1 200 OK", headers=b"", body=ENVELOPE, cut=0):
        return line + b"\r\nContent-Length: %d\r\n" % (len(body) + cut) + headers + b"\r\n" + body

    for name, said, expected in [
        ("a whole answer", answer(), 0),
        ("HTTP/0.9", ENVELOPE, 1),
        ("101", answer(b"HTTP/1.1 101 Switching Protocols"), 1),
        ("one that is cut off", answer(cut=1), 1),
        ("one to another request", answer(headers=b"x-request-id: another\r\n"), 1),
        ("a refusal with an escape", answer(body=b'{"body":{},"error":"Forbidden \\u001b[2J"}'), 1),
    ]:
        miner = Miner(said)
        done = run("send", miner.url, "Echo", ECHO, "--retries", 1, "--request-id", "one")
        miner.listener.close()
        check(f"dojo send: {name}: exit {done.returncode}: {done.stderr.splitlines()[1:]}",
              done.returncode == expected and "\x1b" not in done.stdout + done.stderr)


DOORS = [other_signatures, open_to_all, files_of_others, words_of_others, bad_miners]


def doors(folder, start, check):
    for door in DOORS:
        door(folder / door.__name__, start, check)
