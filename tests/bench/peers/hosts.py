"""Ours, with its plugins as threads and as processes; and the work that no server can do without, alone."""

import os
from pathlib import Path

from .server import Server, run
from processes import DojoHost

# One address calls from all connections.
CONFIG = "[http]\nmax_connections_per_ip = 20000\n"


class Host(Server):
    name = "dojo-host"
    config = CONFIG

    def versions(self):
        return {"dojo-host": run(os.environ["DOJO_HOST"], "--version").split()[-1]}

    def start(self, folder):
        self.process = DojoHost(folder, self.config, plugins=Path(os.environ["DOJO_PLUGINS"]), log_level="warning")
        self.port, self.hotkey = self.process.port, self.process.hotkey


class IsolatedHost(Host):
    name = "dojo-host-process"
    about = "dojo-host with `isolation = \"process\"`: the handler runs in a process of its own"
    config = CONFIG + '[run.echo]\nisolation = "process"\n'

    def versions(self):
        return {}


class SigningHost(Host):
    name = "dojo-host-signs"
    about = "dojo-host with `auth.btauth_sign_answers`: it signs every answer (`twresp/1`)"
    config = CONFIG + "[auth]\nbtauth_sign_answers = true\n"

    def versions(self):
        return {}


class Alone(Server):
    name = "parts-alone"
    about = "zstd -d, simdjson's parse and zstd -3 of the body in a loop, on one thread (`tests/bench/alone.cpp`)"
    dialect = "none"

    def start(self, folder):
        pass
