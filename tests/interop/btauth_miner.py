"""A miner behind Bittensor's SDK, as its guide writes one: FastAPI and http_auth.verify.

btauth_miner.py HOTKEY      prints the port it listens on
"""

import sys

import uvicorn
from bittensor import http_auth
from fastapi import FastAPI, HTTPException, Request
from models import Echo

WINDOW = 600  # seconds, so that nothing turns stale for want of a processor

app = FastAPI()
seen = http_auth.InMemoryNonceStore(2 * WINDOW)


@app.post("/{path:path}")
async def echo(request: Request) -> Echo:
    body = await request.body()
    target = request.scope["raw_path"].decode()
    try:
        http_auth.verify(
            request.headers,
            body,
            method=request.method,
            path=target,
            self_hotkey_ss58=sys.argv[1],
            max_age=WINDOW,
            nonce_store=seen,
        )
    except http_auth.AuthError as error:
        raise HTTPException(401, str(error)) from None
    if not request.url.path.endswith("/Echo"):
        raise HTTPException(404, {"no": "route"})
    return Echo.model_validate_json(body)


class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        print(self.servers[0].sockets[0].getsockname()[1], flush=True)


Server(uvicorn.Config(app, port=0, log_level="warning")).run()
