"""A session of dojo/1 by another implementation: X25519 after RFC 7748, hashlib's BLAKE2b, schnorrkel's signatures."""

import hashlib
import os
import subprocess

import sr25519
from bittensor_wallet import Keypair

from curl import curl
from keys import Key, dojo1, now_ms

P = 2**255 - 19
PATH = "/dojo/session"
BASE = (9).to_bytes(32, "little")


def x25519(secret, point):
    k = bytearray(secret)
    k[0] &= 248
    k[31] = k[31] & 127 | 64
    k = int.from_bytes(k, "little")
    u = int.from_bytes(point, "little") & (1 << 255) - 1
    x2, z2, x3, z3, swap = 1, 0, u, 1, 0
    for t in reversed(range(255)):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb, aa, bb = d * a, c * b, a * a, b * b
        x3, z3 = (da + cb) ** 2 % P, u * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, (aa - bb) * (aa + 121665 * (aa - bb)) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def blake2b(data, key=b""):
    return hashlib.blake2b(data, key=key, digest_size=32).digest()


def terms_of(host, client, host_key, client_key, session, expires):
    return (
        f"dojo/1 session terms\nhost={host}\nclient={client}\nhost_key={host_key.hex()}\n"
        f"client_key={client_key.hex()}\nid={session}\nexpires={expires}"
    ).encode()


def key_of(shared, terms):
    return blake2b(b"dojo/1 session key\n" + terms, shared)


def header_of(key, method, path, host, session, count, body, ts):
    stated = f"id={session} count={count} ts={ts} body={blake2b(body).hex()}"
    tag = blake2b(f"dojo/1 session {method} {path} to={host} {stated}".encode(), key)
    return {"x-dojo-session": f"{stated} tag={tag.hex()}"}


def test_the_vectors_of_wire_md():
    # RFC 7748, 5.2
    scalar = bytes.fromhex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4")
    point = bytes.fromhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
    assert x25519(scalar, point).hex() == "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "../../docs/wire.md"), encoding="utf-8") as file:
        text = file.read()
    host = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"
    client = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
    host_secret, client_secret = bytes(range(32)), bytes(range(32, 64))
    host_key, client_key = x25519(host_secret, BASE), x25519(client_secret, BASE)
    shared = x25519(host_secret, client_key)
    assert shared == x25519(client_secret, host_key)
    session = bytes(range(16)).hex()
    key = key_of(shared, terms_of(host, client, host_key, client_key, session, 1700003600123))
    header = header_of(key, "POST", "/Echo", host, session, 1, b'{"message":"hi"}', 1700000000123)
    for value in host_key, client_key, shared, key:
        assert value.hex() in text
    assert "x-dojo-session: " + header["x-dojo-session"] in text


class Session:
    """One with a host, opened as docs/wire.md says."""

    def __init__(self, host, key):
        secret = os.urandom(32)
        client_key = x25519(secret, BASE)
        body = b'{"key":"%s"}' % client_key.hex().encode()
        answer = curl(host.url + PATH, dojo1(key, host.hotkey, path=PATH, body=body), body)
        assert (answer.status, answer.code) == (200, "ok"), answer.body
        opened = answer.json["body"]
        host_key = bytes.fromhex(opened["key"])
        terms = terms_of(host.hotkey, key.address, host_key, client_key, opened["id"], opened["expires"])
        public = bytes(Keypair(ss58_address=host.hotkey).public_key)
        assert sr25519.verify(bytes.fromhex(opened["signature"][2:]), terms, public)
        self.host, self.id, self.key = host, opened["id"], key_of(x25519(secret, host_key), terms)

    def send(self, count, body=b'{"message":"hi"}', sent=None, **changes):
        stated = {"method": "POST", "path": "/Echo", "host": self.host.hotkey, "ts": now_ms(), **changes}
        headers = header_of(self.key, session=self.id, count=count, body=body, **stated)
        return curl(self.host.url + "/Echo", headers, body if sent is None else sent)


def test_python_speaks_it(start_host):
    host = start_host()
    session = Session(host, Key("python"))
    for count in 1, 3, 2, 2**64 - 1:
        answer = session.send(count)
        assert (answer.status, answer.code) == (200, "ok"), answer.body
        assert answer.json["body"] == {"message": "hi"}
    for code, answer in [
        ("replayed", session.send(3)),
        ("replayed", session.send(2**64 - 1)),
        ("bad-signature", session.send(2**64 - 2, path="/Other")),
        ("bad-signature", session.send(2**64 - 2, method="HEAD")),
        ("bad-signature", session.send(2**64 - 2, host=Key("another").address)),
        ("bad-signature", session.send(2**64 - 2, sent=b'{"message":"ho"}')),
        ("stale", session.send(2**64 - 3, ts=now_ms() - 60_000)),
    ]:
        assert (answer.status, answer.code) == (403, code), answer.body


def batch(host, times):
    """`dojo batch --session`, which asks for no second attempt."""
    arguments = ["-", "Echo", '{"message":"hi"}', "--session", "--retries", "1", "--repeat", times]
    return subprocess.run(
        [os.environ["DOJO"], "batch", *arguments],
        input=f"{host.url} {host.hotkey}\n",
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_speaks_it(start_host):
    host = start_host()
    done = batch(host, "2000")
    assert done.returncode == 0, done.stdout + done.stderr
    assert host.stop() == {"ok": 2001}


def test_the_command_signs_for_a_host_without_them(start_host):
    host = start_host("[auth]\nsessions = false\n")
    done = batch(host, "200")
    assert done.returncode == 0, done.stdout + done.stderr
    assert host.stop() == {"ok": 200, "not-found": 1}
