"""The miner of taowire's own benchmark, with a route that echoes, and one that streams. Prints the port it listens on."""

import asyncio
import os
import socket
import tempfile

import uvicorn
from pydantic import BaseModel

ready = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # it logs to standard output


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as tried:
        return str(tried.getsockname()[1])


os.environ |= {
    "TW_NETUID": "1",
    "TW_WALLET_NAME": "bench",
    "TW_WALLET_PATH": tempfile.gettempdir(),
    "TW_EXTERNAL_IP": "127.0.0.2",
    "TW_ALLOW_PRIVATE_AXONS": "1",
    "TW_BIND_HOST": "127.0.0.1",
    "TW_BIND_PORT": "8091",  # not listened on: any free port is
    "TW_METRICS_BIND": f"127.0.0.1:{free_port()}",
    "TW_NTP_SERVERS": "",
    "TW_LOG_LEVEL": "WARNING",
    "TW_RATE_IP_PER_S": "1000000",
    "TW_RATE_IP_BURST": "1000000",
    "TW_RATE_HOTKEY_PER_S": "1000000",
    "TW_RATE_HOTKEY_BURST": "1000000",
}

from taowire.config import MinerSettings  # noqa: E402
from taowire.miner.app import NoSignalServer  # noqa: E402
from taowire.observability.logging import configure_logging  # noqa: E402
from taowire.testing.bench import bench_miner  # noqa: E402


class Echo(BaseModel):
    message: str


class Count(BaseModel):
    count: int
    fails_at: int | None = None


class Server(NoSignalServer):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        print(self.servers[0].sockets[0].getsockname()[1], file=ready, flush=True)


async def main():
    settings = MinerSettings.from_env()
    configure_logging(settings.log_level)
    miner = bench_miner(settings)

    @miner.route("/Echo", request=Echo, response=Echo, max_body_bytes=16 << 20)
    async def echo(request: Echo, ctx) -> Echo:
        return request

    @miner.route("/Count", request=Count, stream=True)
    async def count(request: Count, ctx):
        async def chunks():
            for n in range(request.count):
                if n == request.fails_at:
                    raise RuntimeError("it cannot go on")
                yield {"n": n}

        return chunks()

    async with miner.running() as app:
        await Server(uvicorn.Config(app, lifespan="off", **miner.uvicorn_options() | {"port": 0})).serve()


asyncio.run(main())
