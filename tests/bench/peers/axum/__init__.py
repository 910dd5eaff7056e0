"""About 140 lines of Rust that verify what dojo-host verifies."""

from processes import Process

from ..server import Server, cargo, crates, run


class Axum(Server):
    name = "axum"
    about = "`tests/bench/peers/axum`: one route, judged once all of the body is there; no rules, quotas, journal, plugins"
    dialect = "dojo/1"

    def __init__(self, host):
        self.host = host

    def install(self, build):
        self.program = cargo(build, "axum")

    def versions(self):
        used = ("axum", "hyper", "tokio", "schnorrkel", "curve25519-dalek", "blake2", "serde_json", "zstd")
        return {"Rust": run("rustc", "--version").split()[1]} | crates("axum", used)

    def start(self, folder):
        self.hotkey = self.host.hotkey
        self.process = Process([self.program, self.hotkey], folder)
        self.port = int(self.process.first_line)
