"""taowire's miner, one worker."""

from pathlib import Path

from processes import Process

from ..server import Server, packages, venv

HERE = Path(__file__).parent
ALICE = "e5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a"  # //Alice, a validator of its benchmark's chain
BOB = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"


class TaoWire(Server):
    name = "taowire"
    about = "its own benchmark's miner with a route that echoes: one process, rate limits out of the way, a chain that is made up"
    dialect = "btauth/1"
    most_connections = 1000  # it answers 503 from 1,024 on
    share = 0.2
    seed = ALICE
    hotkey = BOB

    def install(self, build):
        self.python = venv(build, "taowire", HERE / "requirements.txt")

    def versions(self):
        return packages(self.python, ("taowire", "bittensor", "uvicorn", "fastapi", "pydantic"))

    def start(self, folder):
        self.process = Process([self.python, "-B", HERE / "miner.py"], folder)
        self.port = int(self.process.first_line)
