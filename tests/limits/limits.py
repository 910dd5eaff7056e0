"""A real host, run by an ordinary user, that gets no more threads or descriptors.

    DOJO_HOST=… DOJO_ZOO=… python limits.py threads|descriptors

Exits with 0 if every promise held, with 77 where it cannot be tried: it takes root to become somebody else.
"""

import contextlib
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NOBODY = 65534
SKIPPED = 77
LONG = 60  # seconds; for what does not come


def wait_until(holds, what, log):
    until = time.monotonic() + LONG
    while not holds():
        assert time.monotonic() < until, f"{what} does not come:\n{log()}"
        time.sleep(0.02)


class Host:
    last = None

    def __init__(self, folder, soft_files=None, hard_files=None):
        self.folder = folder
        self.plugins = folder / "plugins"
        self.config = folder / "config.toml"
        for made in (self.plugins, folder / "state"):
            made.mkdir()
        (folder / "state").chmod(0o700)
        self.config.write_text("[reload]\ndebounce_ms = 20\nrescan_ms = 500\n")
        for path in (folder, self.plugins, folder / "state"):
            os.chown(path, NOBODY, NOBODY)
        self.put(1)
        self.errors = (folder / "log").open("wb")

        def limit():
            if soft_files:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft_files, hard_files))

        self.popen = subprocess.Popen(
            [os.environ["DOJO_HOST"], "--config", self.config, "--listen", "127.0.0.1:0", "--plugins", self.plugins,
             "--state", folder / "state"],
            stdout=subprocess.PIPE, stderr=self.errors, text=True, user=NOBODY, group=NOBODY, extra_groups=[],
            preexec_fn=limit, cwd=folder)
        Host.last = self
        ready = self.popen.stdout.readline()
        assert "ready on" in ready, ready + self.log()
        self.port = int(re.search(r":(\d+),", ready)[1])

    def put(self, version):
        part = self.plugins / "part"
        shutil.copyfile(Path(os.environ["DOJO_ZOO"]) / "good.so", part)
        with part.open("ab") as file:
            file.write(f"version {version}".encode())  # behind the end of what the ELF headers tell of
        part.chmod(0o644)
        part.rename(self.plugins / "good.so")

    def log(self):
        return (self.folder / "log").read_text()

    def says(self, text):
        return text in self.log()

    def ctl(self, command, *arguments):
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(LONG)
            control.connect(str(self.folder / "state/control"))
            control.sendall(json.dumps({"command": command, "arguments": arguments}).encode() + b"\n")
            return json.loads(b"".join(iter(lambda: control.recv(65536), b"")))

    def active(self):
        return [row["sha256"] for row in self.ctl("plugins")["result"] if row["state"] == "active"]

    def answers(self):
        """Nobody has signed it, so it is refused; by the host, though."""
        with socket.create_connection(("127.0.0.1", self.port), LONG) as caller:
            caller.sendall(b"POST /Zoo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
            return b"".join(iter(lambda: caller.recv(65536), b"")).startswith(b"HTTP/1.1 ")

    def lives(self):
        return self.popen.poll() is None

    def end(self):
        self.popen.send_signal(signal.SIGTERM)
        code = self.popen.wait(LONG)
        assert code == 0, f"exit code {code}:\n{self.log()}"


def tasks_of_nobody():
    count = 0
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if process.stat().st_uid == NOBODY:
                count += len(list((process / "task").iterdir()))
    return count


def limit_threads(host, most):
    """As the host's own user: nobody else may everywhere."""
    subprocess.run(["prlimit", f"--pid={host.popen.pid}", f"--nproc={most}:"], check=True, user=NOBODY, group=NOBODY,
                   extra_groups=[])


def threads(folder):
    host = Host(folder)
    version = 1
    # None at all; and enough to try the file in a process of its own, but not for its threads here.
    for spare in (0, 4):
        before = host.active()
        assert len(before) == 1, host.log()
        refused = host.log().count("Resource temporarily unavailable")
        least = tasks_of_nobody() + spare
        limit_threads(host, least)
        version += 1
        host.put(version)
        wait_until(lambda: host.log().count("Resource temporarily unavailable") > refused, "a reason", host.log)
        assert host.lives() and host.answers() and host.active() == before, host.log()
        assert host.ctl("reload", "good")["error"], "there is no thread for that either"
        if spare == 0:
            host.config.write_text(host.config.read_text() + f'[metagraph]\nfile = "{folder}/nothing"\nnetuid = 1\n')
            host.popen.send_signal(signal.SIGHUP)
            wait_until(lambda: host.says("metagraph not read"), "the metagraph", host.log)
            assert host.lives() and host.answers() and host.active() == before, host.log()
        limit_threads(host, least + 500)
        wait_until(lambda: host.active() != before, "the new version", host.log)
    host.end()


def descriptors(folder):
    host = Host(folder, 128, 256)
    soft = re.search(r"Max open files\s+(\d+)", Path(f"/proc/{host.popen.pid}/limits").read_text())[1]
    assert soft == "256", soft
    assert host.says("fewer files may be open than max_connections needs"), host.log()
    callers = [socket.create_connection(("127.0.0.1", host.port), LONG) for _ in range(400)]
    wait_until(lambda: host.says("connections cannot be accepted"), "a reason", host.log)
    assert len(host.active()) == 1
    assert host.ctl("reload", "good")["error"]
    for caller in callers:
        caller.close()
    wait_until(host.answers, "an answer", host.log)
    wait_until(lambda: host.ctl("reload", "good")["error"] is None, "a reload", host.log)
    host.end()


def main():
    if os.geteuid() != 0:
        return SKIPPED
    folder = Path(tempfile.mkdtemp(prefix="dojo-limits-"))
    folder.chmod(0o755)
    try:
        {"threads": threads, "descriptors": descriptors}[sys.argv[1]](folder)
    finally:
        if Host.last and Host.last.lives():
            Host.last.popen.kill()
            Host.last.popen.wait()
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
