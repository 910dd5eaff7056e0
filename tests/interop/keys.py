"""Hotkeys of the tests, and what they sign. Curves are schnorrkel's and bittensor-wallet's own, not ours."""

import hashlib
import os
import time

import sr25519
from bittensor_wallet import Keypair

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def ss58(public, prefix):
    """An address of a prefix below 64; bittensor-wallet writes none but 42."""
    raw = bytes([prefix]) + public
    raw += hashlib.blake2b(b"SS58PRE" + raw).digest()[:2]
    number, text = int.from_bytes(raw, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = ALPHABET[digit] + text
    return "1" * (len(raw) - len(raw.lstrip(b"\0"))) + text


class Key:
    """A hotkey. `scheme` is sr25519 or ed25519."""

    def __init__(self, name, scheme="sr25519"):
        seed = hashlib.sha256(name.encode()).digest()
        self.scheme = scheme
        self.seed = seed.hex()
        self._pair = sr25519.pair_from_seed(seed)
        self._keypair = Keypair.create_from_seed("0x" + seed.hex(), crypto_type=1 if scheme == "sr25519" else 0)
        self.public = bytes(self._keypair.public_key)
        self.address = self._keypair.ss58_address
        assert ss58(self.public, 42) == self.address

    def sign(self, message):
        """64 bytes."""
        data = message.encode() if isinstance(message, str) else message
        if self.scheme == "sr25519":
            return sr25519.sign(self._pair, data)
        return bytes(self._keypair.sign(data))


def legacy_message(address):
    """What the published client signs by default."""
    return f"I solemnly swear that I am up to some good. Hotkey: {address}"


def headers_for(key, message, signature=None, address=None):
    """The three signing headers."""
    signature = key.sign(message) if signature is None else signature
    return {
        "x-hotkey": address or key.address,
        "x-message": message,
        "x-signature": signature if isinstance(signature, str) else "0x" + signature.hex(),
    }


def legacy(key, **changes):
    return headers_for(key, legacy_message(key.address), **changes)


def now_ms():
    return time.time_ns() // 1_000_000


def dojo1_message(to, method="POST", path="/Echo", ts=None, nonce=None, body=b"", body_hash=None):
    """docs/wire.md, dojo/1."""
    body_hash = body_hash or hashlib.blake2b(body, digest_size=32).hexdigest()
    nonce = nonce or os.urandom(16).hex()
    ts = now_ms() if ts is None else ts
    return f"dojo/1 {method} {path} to={to} ts={ts} nonce={nonce} body={body_hash}"


def dojo1(key, to, **fields):
    return headers_for(key, dojo1_message(to, **fields))
