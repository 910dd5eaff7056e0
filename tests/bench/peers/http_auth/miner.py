"""Echo behind bittensor.http_auth.

miner.py HOTKEY      prints the port it listens on
"""

import sys

import uvicorn
from bittensor import http_auth
from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel

app = FastAPI()


class Echo(BaseModel):
    message: str


@app.post("/Echo")
async def echo(request: Request) -> Echo:
    body = await request.body()
    try:
        http_auth.verify(request.headers, body, method="POST", path=request.url.path, self_hotkey_ss58=sys.argv[1])
    except http_auth.AuthError as error:
        raise HTTPException(401, str(error)) from None
    return Echo.model_validate_json(body)


class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        print(self.servers[0].sockets[0].getsockname()[1], flush=True)


Server(uvicorn.Config(app, port=0, log_level="warning")).run()
