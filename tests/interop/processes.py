"""The programs under test, and those they talk to, each in a process of its own."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
CRASH = re.compile(r"Sanitizer|runtime error:|Segmentation|terminate called|Assertion|stack smashing|core dumped")


def wait_until(condition, what, seconds=10):
    """Polls until `condition()` is true, and returns it."""
    end = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.01)


class Process:
    """A child whose first line on standard output tells that it is ready."""

    def __init__(self, arguments, folder, env=None):
        folder.mkdir(parents=True, exist_ok=True)
        self.out, self.err = folder / "out.log", folder / "err.log"
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.popen = subprocess.Popen(
                [str(a) for a in arguments], stdout=out, stderr=err, env={**os.environ, **(env or {})}
            )
        self.signalled = False
        self.first_line = wait_until(self._ready, f"{Path(arguments[0]).name} ready", 20)

    def _ready(self):
        line, end, _ = self.out.read_text().partition("\n")
        assert end or self.popen.poll() is None, f"ended with {self.popen.returncode}:\n{self.log()}"
        return end and line

    def log(self):
        return self.err.read_text(errors="replace")

    def signal(self, which=signal.SIGTERM):
        self.signalled = True
        self.popen.send_signal(which)

    def terminate(self, seconds=10):
        """Sends SIGTERM, unless a test has sent a signal already, and returns the exit code."""
        if not self.signalled:
            self.signal()
        return self.wait(seconds)

    def wait(self, seconds=10):
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise AssertionError(f"did not end within {seconds} s:\n{self.log()}") from None


class Gateway(Process):
    def __init__(self, folder, key, *flags):
        super().__init__([sys.executable, HERE / "gateway.py", key.seed, *flags], folder)
        self.port = int(self.first_line)


class PythonMiner(Process):
    def __init__(self, folder, gateway):
        super().__init__([sys.executable, HERE / "python_miner.py", gateway.port], folder)
        self.port = int(self.first_line)
        self.url = f"http://127.0.0.1:{self.port}"


class DojoHost(Process):
    """dojo-host on a free port, with a state folder of its own."""

    def __init__(self, folder, config="", plugins=None, log_format="text", log_level="debug", listen="127.0.0.1:0"):
        folder.mkdir(parents=True, exist_ok=True)
        if plugins is None:
            plugins = folder / "plugins"
            plugins.mkdir()
            for built in [f"DOJO_PLUGINS/{name}.so" for name in ("echo", "generate", "score")] + [
                f"DOJO_TEST_PLUGINS/{name}.so" for name in ("slow", "kinds")
            ]:
                variable, name = built.split("/")
                (plugins / name).symlink_to(Path(os.environ[variable]) / name)
        self.config = folder / "host.toml"
        # A table header of the test's must come after the keys of the top.
        self.config.write_text(f'listen = "{listen}"\nstate_dir = "state"\n' + config)
        super().__init__(
            [os.environ["DOJO_HOST"], "--config", self.config, "--plugins", plugins]
            + ["--log-level", log_level, "--log-format", log_format],
            folder,
        )
        ready = re.fullmatch(r"dojo-host \S+ ready on [\d.]+:(\d+), hotkey (\w+)", self.first_line)
        assert ready, self.first_line
        self.port, self.hotkey = int(ready[1]), ready[2]
        self.url = f"http://127.0.0.1:{self.port}"

    def wait_for_log(self, text, times=1):
        wait_until(lambda: self.log().count(text) >= times, f"{text!r} in the log ({times} times)")

    def peak_memory(self):
        """Bytes of memory it had at most."""
        status = Path(f"/proc/{self.popen.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024

    def stop(self, code=0):
        """Ends it as an operator would. Returns how many answers it gave, by code."""
        assert self.terminate() == code, self.log()
        assert not CRASH.search(self.log()), self.log()
        totals = re.search(r'stopped connections=\d+ answers="?([^"\n]*)', self.log())
        if not totals:
            return {}
        return {word: int(count) for word, count in (pair.split(":") for pair in totals[1].split())}
