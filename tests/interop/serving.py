"""The published package's Server on a port of its own choice."""

import asyncio


async def serve(server):
    """Serves until cancelled; prints the port once it is served."""
    serving = asyncio.create_task(server.initialise(0))
    while not (hasattr(server, "server") and server.server.started):
        await asyncio.sleep(0.01)
    print(server.server.servers[0].sockets[0].getsockname()[1], flush=True)
    await serving
