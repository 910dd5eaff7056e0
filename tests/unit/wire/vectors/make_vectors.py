"""Writes python.json: vectors made by schnorrkel, through py-sr25519-bindings, and by bittensor-wallet.

    pip install py-sr25519-bindings==0.2.4 bittensor-wallet==4.1.1
    python make_vectors.py > python.json

A message is {"hex", "repeat"}: so many copies of these bytes. Signatures and mnemonics are
random: each run writes other ones.
"""

import hashlib
import json

import bittensor_wallet
import sr25519

# Many around where a block of the transcript, 166 bytes, is full: at 119 and 285 it is just before the challenge.
SIZES = [0, 1, 2, 31, 32, 64, 100, *range(112, 137), 165, 166, 167, 255, 256, *range(282, 300), 332, 1000, 4096]
SIZES += [16384, 65535, 65536]


def seed_of(number):
    return hashlib.sha256(b"dojo vector %d" % number).digest()


def message_of(size):
    """(bytes, description) of a message of `size` bytes."""
    for length in (251, 13, 7, 5, 4, 3, 2, 1):
        if size % length == 0:
            pattern = bytes((7 * i + length) % 256 for i in range(length))
            return pattern * (size // length), {"hex": pattern.hex(), "repeat": size // length}
    raise AssertionError


def key(number):
    seed = seed_of(number)
    public, _ = sr25519.pair_from_seed(seed)
    address = bittensor_wallet.Keypair(public_key=public.hex()).ss58_address
    return {"scheme": "sr25519", "seed": seed.hex(), "public": public.hex(), "address": address}


def signature(number, size):
    pair = sr25519.pair_from_seed(seed_of(number))
    message, description = message_of(size)
    signed = sr25519.sign(pair, message)
    assert sr25519.verify(signed, message, pair[0])
    return {"scheme": "sr25519", "public": pair[0].hex(), "message": description, "signature": signed.hex()}


def mnemonic(words):
    phrase = bittensor_wallet.Keypair.generate_mnemonic(words)
    pair = bittensor_wallet.Keypair.create_from_mnemonic(phrase)
    public = bytes(pair.public_key).hex()
    return {"scheme": "sr25519", "phrase": phrase, "password": "", "public": public}


print(
    json.dumps(
        {
            "made_by": "py-sr25519-bindings 0.2.4, bittensor-wallet 4.1.1",
            "keys": [key(number) for number in range(16)],
            "signatures": [signature(number, size) for number, size in enumerate(SIZES)],
            "mnemonics": [mnemonic(words) for words in (12, 15, 18, 21, 24, 12, 24)],
        },
        indent=1,
    )
)
