"""The published package's Server with one handler, and as little of its own logging as it allows.

    python_echo.py GATEWAY_PORT|in-process      prints the port it listens on
"""

import asyncio
import sys

import sr25519
from bittensor_wallet import Keypair
from kami import KamiClient
from loguru import logger
from messaging import Server
from pydantic import BaseModel


class Echo(BaseModel):
    message: str


class InProcess(KamiClient):
    async def verify(self, hotkey, message, signature):
        public = bytes(Keypair(ss58_address=hotkey).public_key)
        return sr25519.verify(bytes.fromhex(signature.removeprefix("0x")), message.encode(), public)


async def echo(_, request):
    return request


async def main():
    kami = InProcess() if sys.argv[1] == "in-process" else KamiClient("127.0.0.1", sys.argv[1])
    server = Server(kami=kami, log_level="CRITICAL")
    logger.remove()
    server.serve_synapse(Echo, echo)
    serving = asyncio.create_task(server.initialise(0))
    while not (hasattr(server, "server") and server.server.started):
        await asyncio.sleep(0.01)
    print(server.server.servers[0].sockets[0].getsockname()[1], flush=True)
    await serving


if __name__ == "__main__":
    asyncio.run(main())
