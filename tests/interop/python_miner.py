"""The published package's Server, with handlers of every kind.

    python_miner.py GATEWAY_PORT      prints the port it listens on
"""

import asyncio
import sys

from fastapi import HTTPException
from kami import KamiClient
from messaging import Server
from models import Echo, Late, Raises, ScoreRequest, Silent, Teapot
from serving import serve


async def echo(_, request):
    return request


async def score(_, request):
    request.score = 0.5
    return request


async def teapot(_, request):
    raise HTTPException(418, "teapot")


async def raises(_, request):
    raise ValueError("what only the log should know")


async def silent(_, request):
    return None


async def late(_, request):
    await asyncio.sleep(2)
    return request


async def main():
    server = Server(kami=KamiClient("127.0.0.1", sys.argv[1]))
    for model, handler in [
        (Echo, echo),
        (ScoreRequest, score),
        (Teapot, teapot),
        (Raises, raises),
        (Silent, silent),
        (Late, late),
    ]:
        server.serve_synapse(model, handler)
    await serve(server)


if __name__ == "__main__":
    asyncio.run(main())
