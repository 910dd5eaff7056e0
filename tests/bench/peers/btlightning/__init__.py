"""QUIC and MessagePack; who calls is proven once a connection, and its own client is the load."""

from processes import Process

from ..server import Server, cargo, crates


class BtLightning(Server):
    name = "btlightning"
    about = (
        "`tests/bench/peers/btlightning`: TLS in QUIC, MessagePack; the caller is proven once a connection, not once a request. "
        "All requests share one connection, with as many streams as others have connections"
    )
    dialect = "btlightning"
    most_connections = 128  # streams at once of a connection, its own default

    def install(self, build):
        self.program = cargo(build, "btlightning")

    def versions(self):
        return crates("btlightning", ("btlightning", "quinn", "rustls"))

    def start(self, folder):
        self.process = Process([self.program, "serve"], folder)
        self.port = int(self.process.first_line)
