"""The published package's Server with one handler, and as little of its own logging as it allows.

    miner.py GATEWAY_PORT|in-process      prints the port it listens on
"""

import asyncio
import sys
from pathlib import Path

import sr25519
from bittensor_wallet import Keypair
from kami import KamiClient
from loguru import logger
from messaging import Server

sys.path.insert(0, str(Path(__file__).parents[3] / "interop"))
from models import Echo  # noqa: E402
from serving import serve  # noqa: E402


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
    await serve(server)


if __name__ == "__main__":
    asyncio.run(main())
