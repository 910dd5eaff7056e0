"""Requests through the `curl` and `zstd` commands, and what an answer of ours has to look like."""

import json
import re
import subprocess
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Answer:
    status: int
    headers: dict = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def code(self):
        return self.headers.get("x-dojo-code")

    @property
    def json(self):
        if self.headers.get("content-encoding") == "zstd":
            # The Python peer cannot decode a frame without its content size, and `zstd` tells whether it is there.
            assert re.search(r"Decompressed Size: [\d.]+ ", listed(self.body)), "no content size in the frame"
            return json.loads(unzstd(self.body))
        return json.loads(self.body)


def zstd(data, *flags):
    """`data` through a pipe: zstd does not know its size, and writes none."""
    return subprocess.run(["zstd", "-q", "-c", *flags], input=data, capture_output=True, check=True).stdout


def zstd_sized(data, *flags):
    return zstd(data, f"--stream-size={len(data)}", *flags)


def unzstd(data):
    return subprocess.run(["zstd", "-q", "-d", "-c"], input=data, capture_output=True, check=True).stdout


def listed(frame):
    with tempfile.NamedTemporaryFile(suffix=".zst") as file:
        file.write(frame)
        file.flush()
        return subprocess.run(["zstd", "-lv", file.name], capture_output=True, check=True, text=True).stdout


def curl(url, headers=None, body=b"", method="POST", flags=()):
    """One request over a connection of its own."""
    headers = {"content-type": "application/json", "expect": "", **(headers or {})}
    with tempfile.TemporaryDirectory() as folder:
        sent, head, got = (Path(folder) / name for name in ("sent", "head", "got"))
        sent.write_bytes(body)
        got.touch()
        command = ["curl", "-sS", "--http1.1", "--max-time", "20", "-D", head, "-o", got]
        command += ["-I"] if method == "HEAD" else ["-X", method, "--data-binary", f"@{sent}"]
        for name, value in headers.items():
            # `name;` is how curl is told of an empty value; `expect:` takes away a header of its own.
            command += ["-H", f"{name}:" if name == "expect" else f"{name}: {value}" if value else f"{name};"]
        done = subprocess.run([*map(str, [*command, *flags]), url], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        status_line, *lines = head.read_text(encoding="latin-1").strip().replace("\r", "").split("\n")
        pairs = [line.split(": ", 1) for line in lines]
        names = [name.lower() for name, _ in pairs]
        assert len(set(names)) == len(names), f"a header twice: {names}"
        headers = dict(zip(names, (value for _, value in pairs)))
        return Answer(int(status_line.split()[1]), headers, b"" if method == "HEAD" else got.read_bytes())


def check(answer, status, code, error=None, body=None, compressed=False):
    """What docs/wire.md promises of every answer: status, code, envelope, content type, compression.

    `error` is what the text has to hold; `body` the model, {} beside an error.
    """
    assert (answer.status, answer.code) == (status, code), answer.body
    assert answer.headers["content-type"] == "application/json"
    assert re.fullmatch(r"[\w.:-]{1,64}", answer.headers["x-request-id"])
    assert answer.headers.get("content-encoding") == ("zstd" if compressed else None)
    assert int(answer.headers["content-length"]) == len(answer.body)
    envelope = answer.json
    assert list(envelope) == ["body", "error", "metadata"]
    assert isinstance(envelope["metadata"], dict)
    if error is None:
        assert envelope["error"] is None
    else:
        assert error in envelope["error"]
    assert envelope["body"] == ({} if body is None else body)
    return envelope


class Background:
    """A call on a thread of its own; `.result()` waits for it."""

    def __init__(self, call, *arguments, **named):
        self._outcome = None
        self._thread = threading.Thread(target=self._run, args=(call, arguments, named))
        self._thread.start()

    def _run(self, call, arguments, named):
        try:
            self._outcome = call(*arguments, **named), None
        except BaseException as error:  # given to whoever asks for the result
            self._outcome = None, error

    def result(self):
        self._thread.join()
        value, error = self._outcome
        if error:
            raise error
        return value
