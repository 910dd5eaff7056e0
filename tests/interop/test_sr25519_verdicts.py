"""What dojo::wire says of signatures that are right but for one thing, against what schnorrkel says, through
py-sr25519-bindings. The cases are dealt by sr25519_verdicts.cpp, which also compares; DOJO_VERDICTS names the program.

Ten million cases, about twenty minutes on two cores:

    DOJO_VERDICTS=build/release/tests/sr25519_verdicts DOJO_VERDICTS_COUNT=10000000 \\
        build/release/interop-venv/bin/python tests/interop/test_sr25519_verdicts.py
"""

import os
import random
import struct
import subprocess
import sys
import unittest

import sr25519

COUNT = int(os.environ.get("DOJO_VERDICTS_COUNT", "100000"))

# Sorts of cases of which both have to take all, or schnorrkel alone. Of the others nobody may take one.
RIGHT = {"none", "commitment_identity"}
# The identity as a key: anybody can sign anything for it, with s and R = sB. schnorrkel decodes it like any point and
# takes such signatures; dojo::wire refuses it, since it is nobody's key.
ONLY_THEIRS = {"key_identity"}


def verdicts(cases, count):
    """One byte a case."""
    answers = bytearray(count)
    verify = sr25519.verify
    at = 0
    for index in range(count):
        end = at + 98
        message_end = end + (cases[at] | cases[at + 1] << 8)
        try:
            if verify(cases[at + 34 : end], cases[end:message_end], cases[at + 2 : at + 34]):
                answers[index] = 1
        except Exception:  # the bindings raise for keys and signatures that do not decode
            pass
        at = message_end
    assert at == len(cases)
    return answers


def run(program, count, seed):
    """The program's exit code, and for each sort of case: how many, taken by dojo::wire, taken by schnorrkel, wrong."""
    with subprocess.Popen(
        [program, str(count), str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        while True:
            size, length = struct.unpack("<II", process.stdout.read(8))
            if size == 0:
                break
            process.stdin.write(verdicts(process.stdout.read(length), size))
            process.stdin.flush()
        text = process.stderr.read().decode()
    rows = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 5 and words[1].isdigit():
            rows[words[0]] = tuple(map(int, words[1:]))
    return process.returncode, rows, text


class Verdicts(unittest.TestCase):
    def test_are_schnorrkels(self):
        seed = int(os.environ.get("DOJO_VERDICTS_SEED", random.randrange(2**32)))
        print(f"DOJO_VERDICTS_SEED={seed}", flush=True)
        status, rows, text = run(os.environ["DOJO_VERDICTS"], COUNT, seed)
        print(text, flush=True)
        self.assertEqual(status, 0, text)
        self.assertEqual(sum(row[0] for row in rows.values()), COUNT)
        for name, (cases, ours, theirs, wrong) in rows.items():
            self.assertGreater(cases, COUNT // len(rows) // 2, name)
            self.assertEqual(wrong, 0, name)
            self.assertEqual(ours, cases if name in RIGHT else 0, name)
            self.assertEqual(theirs, cases if name in RIGHT | ONLY_THEIRS else 0, name)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
