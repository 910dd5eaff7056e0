"""What is measured beside whom. One line of the table is one case; it is run on dojo-host and on each server of `against`."""

from enum import IntEnum
from typing import NamedTuple

from .probes import HalfLoad, Scaling

KB, MB = 1_000, 1_000_000


class Part(IntEnum):
    """What takes part: a run of `quick` is part of a default one, and that one of `--all`."""

    quick = 0
    default = 1
    all = 2


class Case(NamedTuple):
    part: Part
    bytes: int  # of the JSON in the body
    connections: int
    count: int  # requests in a round
    against: tuple = ()
    dialect: str = "dojo/1"
    zstd: bool = False
    more: tuple = ()  # servers that join unless the run is a quick one
    figures = ("cpu_ms", "per_s", "p50_us")

    @property
    def size(self):
        unit, word = next((unit, word) for unit, word in ((MB, "MB"), (KB, "KB"), (1, "B")) if self.bytes >= unit)
        return f"{self.bytes // unit} {word}"

    @property
    def title(self):
        return f"{self.size}{' zstd' if self.zstd else ''}, {self.dialect}, {self.connections:,} connection{'s' * (self.connections > 1)}"

    def rivals(self, part):
        return self.against + (self.more if part > Part.quick else ())

    def measure(self, server, load, share):
        return load(server, self, max(int(self.count * share), 1))


quick, default, everything = Part.quick, Part.default, Part.all
RUST = ("axum", "btlightning")
BTAUTH = ("http_auth", "taowire")
PYTHON = ("dojo-messaging",)
PROCESS = ("dojo-host-process",)

CASES = (
    #    part        bytes     connections, requests   against
    Case(default, 256, 32, 6_000, ("axum",)),
    Case(quick, 1 * KB, 1, 2_000, RUST + BTAUTH + PROCESS),
    Case(quick, 1 * KB, 32, 3_000, RUST + BTAUTH + PROCESS),
    Case(default, 1 * KB, 256, 6_000, ("axum", *BTAUTH)),
    Case(default, 1 * KB, 1_024, 8_000, ("axum", "http_auth")),
    Case(default, 8 * KB, 32, 4_000, RUST + BTAUTH),
    Case(default, 256 * KB, 32, 600, RUST + BTAUTH),
    Case(quick, 1 * MB, 32, 120, ("axum",), more=("btlightning", *BTAUTH, *PROCESS)),
    Case(default, 1 * KB, 32, 6_000, ("axum",), zstd=True),
    Case(everything, 8 * KB, 32, 4_000, ("axum",), zstd=True),
    Case(everything, 256 * KB, 32, 600, ("axum",), zstd=True),
    Case(quick, 1 * MB, 32, 100, ("axum", "parts-alone"), zstd=True),
    Case(everything, 1 * KB, 1, 1_500, PYTHON, "legacy", zstd=True),
    Case(quick, 1 * KB, 32, 3_000, PYTHON, "legacy", zstd=True, more=("dojo-messaging+sr25519",)),
    Case(everything, 1 * KB, 256, 4_000, PYTHON, "legacy", zstd=True),
    Case(default, 1 * MB, 32, 200, PYTHON, "legacy", zstd=True),
    Case(everything, 1 * KB, 32, 4_000, PYTHON, "legacy"),
    Case(quick, 1 * KB, 32, 4_000, RUST, "session"),
    Case(default, 1 * KB, 32, 6_000, ("dojo-host-signs",), "btauth/1"),
)
PROBES = (
    Scaling(quick, Case(quick, 1 * KB, 64, 3_000, ("axum",)), 1_024),
    HalfLoad(quick, Case(quick, 1 * KB, 32, 3_000, ("axum",))),
)
