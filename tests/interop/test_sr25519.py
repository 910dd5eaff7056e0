"""dojo::wire's sr25519 against schnorrkel's own, through py-sr25519-bindings: both directions, random messages.

DOJO_CROSSCHECK names the program built from sr25519_crosscheck.cpp.
"""

import os
import random
import subprocess
import unittest

import sr25519

MESSAGES = int(os.environ.get("DOJO_CROSSCHECK_MESSAGES", "1000"))
MAX_SIZE = 64 * 1024


class Crosscheck:
    """The program: one line in, one line out."""

    def __init__(self):
        self.process = subprocess.Popen(
            [os.environ["DOJO_CROSSCHECK"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, *words):
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if not answer or answer.startswith("error"):
            raise RuntimeError(f"{words[0]}: {answer or 'no answer'}")
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)
        self.process.stdout.close()


def as_hex(message):
    return message.hex() or "-"


def flip(data, rng):
    """`data` with one bit changed."""
    changed = bytearray(data)
    bit = rng.randrange(8 * len(changed))
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


class Sr25519(unittest.TestCase):
    def setUp(self):
        seed = int(os.environ.get("DOJO_CROSSCHECK_SEED", random.randrange(2**32)))
        self.rng = random.Random(seed)
        self.program = Crosscheck()
        self.addCleanup(self.program.close)
        print(f"DOJO_CROSSCHECK_SEED={seed}", flush=True)

    def messages(self):
        edges = [0, 1, 31, 32, *range(100, 180), 255, 256, 65535, MAX_SIZE]
        for index in range(MESSAGES):
            if index < len(edges):
                size = edges[index]
            else:  # as many small ones as large ones
                size = self.rng.randrange(2 ** self.rng.randrange(1, 17)) + 1
            yield self.rng.randbytes(min(size, MAX_SIZE))

    def test_public_keys_are_the_same(self):
        for _ in range(200):
            seed = self.rng.randbytes(32)
            public, _ = sr25519.pair_from_seed(seed)
            self.assertEqual(self.program.ask("public", seed.hex()), public.hex())

    def test_each_accepts_what_the_other_signs(self):
        for message in self.messages():
            seed = self.rng.randbytes(32)
            pair = sr25519.pair_from_seed(seed)
            public = pair[0]
            ours = bytes.fromhex(self.program.ask("sign", seed.hex(), as_hex(message)))
            self.assertTrue(sr25519.verify(ours, message, public), f"{len(message)} bytes")
            theirs = sr25519.sign(pair, message)
            self.assertEqual(
                self.program.ask("verify", public.hex(), as_hex(message), theirs.hex()), "true"
            )

    def test_both_refuse_what_was_changed(self):
        for message in self.messages():
            if not message:
                continue
            pair = sr25519.pair_from_seed(self.rng.randbytes(32))
            public, signature = pair[0], sr25519.sign(pair, message)
            what = self.rng.randrange(3)
            if what == 0:
                message = flip(message, self.rng)
            elif what == 1:
                signature = flip(signature, self.rng)
            else:
                public = flip(public, self.rng)
            try:
                theirs = sr25519.verify(signature, message, public)
            except Exception:  # the bindings raise for keys and signatures that do not decode
                theirs = False
            self.assertFalse(theirs)
            self.assertEqual(
                self.program.ask("verify", public.hex(), as_hex(message), signature.hex()), "false"
            )


if __name__ == "__main__":
    unittest.main()
