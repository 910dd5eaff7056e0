"""A signing gateway: the two calls of Kami's that the published package makes, with one hotkey in its hands.

    gateway.py SEED [--refuse]      prints the port it listens on; --refuse: believes no signature

What it answers is what kami/client.py reads: {"data": {"signature"}} and {"data": {"valid"}}; for what it cannot
read, {"statusCode", "error"}, which kami/client.py tries again up to ten times.
"""

import argparse
import asyncio

import sr25519
from aiohttp import web
from bittensor_wallet import Keypair


def error(text):
    return web.json_response({"statusCode": 400, "success": False, "error": {"type": "BAD_REQUEST", "message": text}})


class Gateway:
    def __init__(self, seed, refuse):
        self.pair = sr25519.pair_from_seed(seed)
        self.refuse = refuse
        self.signed = self.verified = 0

    async def sign(self, request):
        self.signed += 1
        message = (await request.json())["message"]
        signature = sr25519.sign(self.pair, message.encode())
        return web.json_response({"statusCode": 200, "success": True, "data": {"signature": "0x" + signature.hex()}})

    async def verify(self, request):
        self.verified += 1
        asked = await request.json()
        try:
            public = bytes(Keypair(ss58_address=asked["signeeAddress"]).public_key)
            signature = bytes.fromhex(asked["signature"].removeprefix("0x"))
            valid = sr25519.verify(signature, asked["message"].encode(), public)
        except Exception as reason:  # no address, no hex, no signature: the bindings raise for each
            return error(str(reason))
        return web.json_response({"statusCode": 200, "success": True, "data": {"valid": valid and not self.refuse}})

    async def counts(self, _):
        return web.json_response({"signed": self.signed, "verified": self.verified})


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("seed", type=bytes.fromhex)
    parser.add_argument("--refuse", action="store_true")
    arguments = parser.parse_args()
    gateway = Gateway(arguments.seed, arguments.refuse)
    app = web.Application()
    app.router.add_post("/substrate/sign-message/sign", gateway.sign)
    app.router.add_post("/substrate/sign-message/verify", gateway.verify)
    app.router.add_get("/counts", gateway.counts)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
