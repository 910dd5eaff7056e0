"""The published package's Server, which asks a signing gateway to verify, as it ships."""

from pathlib import Path

from processes import Process

from ..server import Server, packages, venv

HERE = Path(__file__).parent
INTEROP = HERE.parents[2] / "interop"


class DojoMessaging(Server):
    name = "dojo-messaging"
    about = "the published package's `Server`, which asks a gateway on loopback to verify; the gateway's time is not counted"
    dialect = "legacy"
    share = 0.1
    gateway = None

    def __init__(self, host):
        self.host = host

    def install(self, build):
        self.python = venv(build, "dojo-messaging", INTEROP / "requirements.txt")

    def versions(self):
        return packages(self.python, ("dojo-messaging", "uvicorn", "fastapi", "pydantic", "zstandard"))

    def start(self, folder):
        self.hotkey = self.host.hotkey
        self.gateway = Process([self.python, "-B", INTEROP / "gateway.py", "07" * 32], folder / "gateway")
        self.serve(folder, self.gateway.first_line)

    def serve(self, folder, verifier):
        self.process = Process([self.python, "-B", HERE / "miner.py", verifier], folder)
        self.port = int(self.process.first_line)

    def stop(self):
        super().stop()
        if self.gateway:
            self.gateway.terminate(20)


class Verifying(DojoMessaging):
    name = "dojo-messaging+sr25519"
    about = "the same, but verifying with py-sr25519-bindings in its process, which is kinder to it than it is itself"

    def versions(self):
        return {}

    def start(self, folder):
        self.hotkey = self.host.hotkey
        self.serve(folder, "in-process")
