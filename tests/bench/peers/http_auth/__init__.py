"""FastAPI on uvicorn, with bittensor.http_auth: what its own guide shows."""

from pathlib import Path

from processes import Process

from ..server import Server, packages, venv

HERE = Path(__file__).parent


class HttpAuth(Server):
    name = "http_auth"
    about = "FastAPI on uvicorn, one process, verifying with `bittensor.http_auth` (`tests/bench/peers/http_auth`): one route"
    dialect = "btauth/1"
    share = 0.2

    def __init__(self, host):
        self.host = host

    def install(self, build):
        self.python = venv(build, "http_auth", HERE / "requirements.txt")

    def versions(self):
        return packages(self.python, ("bittensor", "uvicorn", "fastapi", "pydantic"))

    def start(self, folder):
        self.hotkey = self.host.hotkey
        self.process = Process([self.python, "-B", HERE / "miner.py", self.hotkey], folder)
        self.port = int(self.process.first_line)
