"""Writes the cases beside it. Signatures are Bittensor's SDK's own; verdicts are written down here, from docs/wire.md, and
where a published verifier has another one the case says why. Needs tests/interop/requirements_btauth.txt.

make.py FOLDER      sr25519 signatures are randomised, so that no two runs write the same files
"""

import base64
import json
import sys
from pathlib import Path

from bittensor import http_auth, sp_core

sys.path.insert(0, str(Path(__file__).parents[2] / "interop"))
from btauth_verdicts import PEERS, verdict_of  # noqa: E402

ALICE = sp_core.Keypair.from_uri("//Alice")
ALICE_ED = sp_core.Keypair.from_uri("//Alice", crypto_type=sp_core.CRYPTO_ED25519)
BOB = sp_core.Keypair.from_uri("//Bob")
SELF = BOB.ss58_address
NOW = 1752076800000000000
BODY = b'{"prompt": "hello"}'
TARGET = "/generate?stream=false"
MAX_AGE, SKEW = 10_000, 2_000
SECOND = 1_000_000_000
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493

LAX_RECEIVER = "it always requires a receiver"
TRIMMED = "no 0x is needed there, nor in taowire; and the SDK skips white space"
ANY_ADDRESS = "the SDK takes addresses of any prefix"
PYTHON_INT = "the SDK reads nonces with int(), which takes signs, spaces, underscores and any script's digits"
ANY_WORD = "the SDK takes numbers and any case for a scheme's name"
LAST_WINS = "the SDK sees a mapping, in which one of two equal headers has gone"
WEAK = "the SDK takes weak public keys, whose signatures hold for every text"
WRAPPED = "the SDK also takes signatures over <Bytes>…</Bytes>, which the protocol forbids to make"


class Request:
    """What is sent. Headers are a list, since one may be there twice."""

    def __init__(self, key=ALICE, method="POST", target=TARGET, body=BODY, nonce=NOW, receiver=SELF, signed=None):
        self.method, self.target, self.body = method, target, body
        stated = {"method": method, "path": target, "body": body, "nonce_ns": nonce, "receiver_ss58": receiver} | (signed or {})
        self.headers = list(http_auth.sign(key, **stated).items())

    def set(self, name, value):
        """In place of what is there, or beside it."""
        kept = [(n, v) for n, v in self.headers if n.lower() != name.lower()]
        self.headers = kept + ([] if value is None else [(name, value)])
        return self

    def add(self, name, value):
        self.headers.append((name, value))
        return self

    def get(self, name):
        return dict(self.headers)[name]

    def json(self):
        return {
            "method": self.method,
            "target": self.target,
            "headers": [list(header) for header in self.headers],
            "body_base64": base64.b64encode(self.body).decode(),
        }


FILES = {}


def case(file, name, request, verdict, why=None, now=NOW, prior=(), require_receiver=True, max_age=MAX_AGE, skew=SKEW):
    made = {
        "name": name,
        "self": SELF,
        "now_ns": str(now),
        "max_age_ms": max_age,
        "skew_ms": skew,
        "require_receiver": require_receiver,
        "prior": [earlier.json() for earlier in prior],
        "request": request.json(),
        "verdict": verdict,
        "differs": {},
    }
    for peer in PEERS:
        theirs = verdict_of(peer, made)
        if theirs == ("malformed" if verdict == "unsigned" else verdict):
            continue
        reason = LAX_RECEIVER if peer == "taowire" and not require_receiver else why
        assert reason, f"{file}: {name}: {peer} says {theirs}, not {verdict}"
        made["differs"][peer] = {"verdict": theirs, "why": reason}
    FILES.setdefault(file, []).append(made)


def accepted():
    f = "accepted"
    for key, kind in ((ALICE, "sr25519"), (ALICE_ED, "ed25519")):
        case(f, f"golden vector, {kind}", Request(key), "ok")
        case(f, f"no query, {kind}", Request(key, target="/generate"), "ok")
        case(f, f"HEAD without a body, {kind}", Request(key, method="HEAD", body=b""), "ok")
        case(f, f"names in capitals, {kind}", upper(Request(key)), "ok")
        case(f, f"names in small letters, {kind}", lower(Request(key)), "ok")
        case(f, f"signature in capitals, {kind}", capitals(Request(key)), "ok")
        case(f, f"no receiver where none is required, {kind}", Request(key, receiver=None), "ok", require_receiver=False)
        case(f, f"this receiver where none is required, {kind}", Request(key), "ok", require_receiver=False)
        case(f, f"a zero before the nonce, {kind}", zero(Request(key)), "ok")
    case(f, "GET", Request(method="GET", body=b""), "ok")
    case(f, "method in small letters, signed in capitals", Request(method="post"), "ok")
    case(f, "scheme named though it is the default", Request().add("X-Bittensor-Crypto", "sr25519"), "ok")
    case(f, "a header of the family that nobody knows", Request().add("X-Bittensor-Netuid", "52"), "ok")
    case(f, "headers of other kinds", Request().add("X-Request-Id", "1").add("X-Request-Id", "2"), "ok")
    for target in ("/", "/a%20b", "/a%2Fb?c=%3F&d=%26", "/?", "/generate?", "/a?b?c", "/~a/../b/./c", "//a", "/a;b=c", "/a?x=%00"):
        case(f, f"target {target}", Request(target=target), "ok")
    bodies = {"of nothing": b"", "of one byte": b"x", "with zeros": b"\0" * 7, "of no UTF-8": bytes(range(256)), "of 4096 bytes": b"y" * 4096}
    for name, body in bodies.items():
        case(f, f"body {name}", Request(body=body), "ok")


def upper(request):
    request.headers = [(name.upper(), value) for name, value in request.headers]
    return request


def lower(request):
    request.headers = [(name.lower(), value) for name, value in request.headers]
    return request


def capitals(request):
    signature = request.get("X-Bittensor-Signature")
    return request.set("X-Bittensor-Signature", "0x" + signature[2:].upper())


def zero(request):
    return request.set("X-Bittensor-Nonce", "0" + request.get("X-Bittensor-Nonce"))


def shape():
    f = "shape"
    required = ("X-Bittensor-Version", "X-Bittensor-Hotkey", "X-Bittensor-Nonce", "X-Bittensor-Signature")
    for name in required:
        case(f, f"no {name}", Request().set(name, None), "unsigned")
        case(f, f"an empty {name}", Request().set(name, ""), "unsigned")
    for name in (*required, "X-Bittensor-Receiver"):
        twice = Request()
        case(f, f"{name} twice", twice.add(name, twice.get(name)), "malformed", LAST_WINS)
        twice = Request()
        case(f, f"{name} twice, in another case", twice.add(name.lower(), twice.get(name)), "malformed", LAST_WINS)
    twice = Request(ALICE_ED)
    case(f, "X-Bittensor-Crypto twice", twice.add("X-Bittensor-Crypto", "ed25519"), "malformed", LAST_WINS)
    case(f, "two schemes", Request(ALICE_ED).add("x-bittensor-crypto", "sr25519"), "malformed", LAST_WINS)
    unknown = Request().add("X-Bittensor-Netuid", "1").add("x-bittensor-netuid", "2")
    case(f, "a header of the family that nobody knows, twice", unknown, "malformed", LAST_WINS)
    for version in ("0", "2", "01", "1.0", "btauth/1", "１"):
        case(f, f"version {version}", Request().set("X-Bittensor-Version", version), "malformed")
    hotkeys = {
        "one character short": ALICE.ss58_address[:-1],
        "one character more": ALICE.ss58_address + "Y",
        "of 100 characters": "5" * 100,
        "of 10000 characters": "1" * 10000,
        "with a typing error": typo(ALICE.ss58_address),
        "with a character that is not base58": "0" + ALICE.ss58_address[1:],
        "as hex": "0x" + bytes(ALICE.public_key).hex(),
        "of no ASCII": "é" * 24,
    }
    for name, hotkey in hotkeys.items():
        case(f, f"a hotkey {name}", Request().set("X-Bittensor-Hotkey", hotkey), "malformed")
    for prefix in (0, 2, 41, 43):
        address = sp_core.ss58_encode(bytes(ALICE.public_key), prefix)
        case(f, f"a hotkey of prefix {prefix}", resigned(address), "malformed", ANY_ADDRESS)
    nonces = {"+": f"+{NOW}", "a space": f" {NOW}", "an underscore": f"{NOW // 10**9}_{NOW % 10**9:09}", "Arabic digits": arabic(NOW)}
    for name, nonce in nonces.items():
        case(f, f"a nonce with {name}", Request().set("X-Bittensor-Nonce", nonce), "malformed", PYTHON_INT)
    for nonce in ("-1", f"-{NOW}", f"{NOW}.0", "1.75e18", hex(NOW), "abc", f"{NOW}x", f"{NOW},{NOW}", "0" * 3 + str(NOW - NOW % 10**9)[:19]):
        if nonce.startswith("000"):
            case(f, "a nonce of 22 digits", Request().set("X-Bittensor-Nonce", nonce), "malformed", PYTHON_INT)
        else:
            case(f, f"nonce {nonce}", Request().set("X-Bittensor-Nonce", nonce), "malformed", PYTHON_INT)
    for word in ("SR25519", "Sr25519", " sr25519", "sr25519 ", "1"):
        case(f, f"scheme '{word}'", Request().set("X-Bittensor-Crypto", word), "malformed", ANY_WORD)
    for word in ("ED25519", "0"):
        case(f, f"scheme '{word}'", Request(ALICE_ED).set("X-Bittensor-Crypto", word), "malformed", ANY_WORD)
    for word in ("", "ecdsa", "hashed", "mldsa", "2", "ed25519,sr25519"):
        case(f, f"scheme '{word}'", Request().set("X-Bittensor-Crypto", word), "malformed")
    signature = Request().get("X-Bittensor-Signature")
    texts = {
        "without 0x": signature[2:],
        "with 0X": "0X" + signature[2:],
        "with a space": signature[:66] + " " + signature[66:],
        "with a space before it": " " + signature,
        "of 126 digits": signature[:-2],
        "of 127 digits": signature[:-1],
        "of 130 digits": signature + "00",
        "with its scheme's byte": "0x01" + signature[2:],
        "with a letter that is no digit": signature[:-1] + "g",
        "of 0 digits": "0x",
        "of 10606 digits": "0x" + "ab" * 5303,
        "in base64": base64.b64encode(bytes.fromhex(signature[2:])).decode(),
    }
    for name, text in texts.items():
        case(f, f"a signature {name}", Request().set("X-Bittensor-Signature", text), "malformed", TRIMMED)


def payload_of(scheme, sender):
    return http_auth.build_payload(
        scheme=scheme, method="POST", path=TARGET, body=BODY, nonce_ns=NOW, sender_ss58=sender, receiver_ss58=SELF
    )


def resigned(address):
    """By Alice's key, who calls herself so."""
    signature = "0x" + bytes(ALICE.sign(payload_of("sr25519", address))).hex()
    return Request().set("X-Bittensor-Hotkey", address).set("X-Bittensor-Signature", signature)


def wrapped(key, kind):
    """As polkadot wallets sign."""
    text = b"<Bytes>" + payload_of(kind, key.ss58_address) + b"</Bytes>"
    return Request(key).set("X-Bittensor-Signature", "0x" + bytes(key.sign(text)).hex())


def typo(address):
    return address[:7] + ("x" if address[7] != "x" else "y") + address[8:]


def arabic(number):
    return "".join(chr(0x660 + int(digit)) for digit in str(number))


def receiver():
    f = "receiver"
    case(f, "none", Request(receiver=None), "wrong-receiver")
    case(f, "another", Request(receiver=ALICE.ss58_address), "wrong-receiver")
    case(f, "the sender of an ed25519 request", Request(ALICE_ED, receiver=ALICE_ED.ss58_address), "wrong-receiver")
    case(f, "this one in another prefix", Request(receiver=sp_core.ss58_encode(bytes(BOB.public_key), 0)), "wrong-receiver")
    for name, text in {"a dash": "-", "nothing": "", "no address": "bob", "a typing error": typo(SELF)}.items():
        case(f, name, Request().set("X-Bittensor-Receiver", text), "wrong-receiver")
        lax = Request(receiver=None).set("X-Bittensor-Receiver", text)
        case(f, f"{name}, where none is required", lax, "wrong-receiver", require_receiver=False)
    case(f, "another, where none is required", Request(receiver=ALICE.ss58_address), "wrong-receiver", require_receiver=False)
    case(f, "taken away", Request().set("X-Bittensor-Receiver", None), "wrong-receiver")
    case(f, "taken away, where none is required", Request().set("X-Bittensor-Receiver", None), "bad-signature", require_receiver=False)
    case(f, "added, where none is required", Request(receiver=None).add("X-Bittensor-Receiver", SELF), "bad-signature", require_receiver=False)
    case(f, "added", Request(receiver=None).add("X-Bittensor-Receiver", SELF), "bad-signature")
    wrong = Request(receiver=ALICE.ss58_address, nonce=NOW - 60 * SECOND)
    case(f, "another, of a stale request: the receiver comes first", wrong, "wrong-receiver")
    forged = Request(receiver=ALICE.ss58_address).set("X-Bittensor-Signature", "0x" + "00" * 64)
    case(f, "another, of a forged request: the receiver comes first", forged, "wrong-receiver")


def time():
    f = "time"
    windows = {"the default window": (10_000, 2_000), "a window of 30 s": (30_000, 2_000), "5 s and 1 ms": (5_000, 1)}
    for name, (max_age, skew) in windows.items():
        back, ahead = max_age * 10**6, skew * 10**6
        edges = {"oldest": (-back, "ok"), "a nanosecond older": (-back - 1, "stale"), "a nanosecond younger": (1 - back, "ok")}
        edges |= {"farthest ahead": (ahead, "ok"), "a nanosecond farther": (ahead + 1, "stale"), "a nanosecond nearer": (ahead - 1, "ok")}
        for edge, (offset, verdict) in edges.items():
            case(f, f"{edge}, {name}", Request(nonce=NOW + offset), verdict, max_age=max_age, skew=skew)
    case(f, "oldest, by a clock between two milliseconds", Request(nonce=NOW), "ok", now=NOW + 10 * SECOND)
    case(f, "older by the clock's last nanosecond", Request(nonce=NOW), "stale", now=NOW + 10 * SECOND + 1)
    case(f, "ahead by the clock's last nanosecond", Request(nonce=NOW), "stale", now=NOW - 2 * SECOND - 1)
    for nonce in (0, 1, 2**31, NOW // 10**3, NOW // 10**6, NOW // 10**9, NOW * 2, 2**63 - 1, 2**63, 2**64 - 1):
        case(f, f"nonce {nonce}", Request(nonce=nonce), "stale")
    for nonce in (2**64, 2**64 + NOW, 10**20 - 1):
        case(f, f"nonce {nonce}, beyond 2^64 - 1", Request(nonce=nonce), "stale")
    case(f, "a nonce of 21 digits", Request(nonce=10**20), "malformed", PYTHON_INT)
    forged = Request(nonce=NOW - 60 * SECOND).set("X-Bittensor-Signature", "0x" + "00" * 64)
    case(f, "stale and forged: the time comes first", forged, "stale")


def signature():
    f = "signature"
    for key, kind in ((ALICE, "sr25519"), (ALICE_ED, "ed25519")):
        other = ALICE_ED if key is ALICE else ALICE
        changes = {
            "another method": Request(key, signed={"method": "PUT"}),
            "another target": Request(key, signed={"path": "/other"}),
            "another query": Request(key, signed={"path": "/generate?stream=true"}),
            "no query": Request(key, signed={"path": "/generate"}),
            "an escape decoded": Request(key, target="/a%20b", signed={"path": "/a b"}),
            "an escape in small letters": Request(key, target="/a%2Fb", signed={"path": "/a%2fb"}),
            "another body": Request(key, signed={"body": BODY + b" "}),
            "a body before it was written anew": Request(key, signed={"body": b'{"prompt":"hello"}'}),
            "no body": Request(key, signed={"body": b""}),
            "another nonce": Request(key, signed={"nonce_ns": NOW + 1}).set("X-Bittensor-Nonce", str(NOW)),
        }
        for name, request in changes.items():
            case(f, f"over {name}, {kind}", request, "bad-signature")
        case(f, f"of another hotkey, {kind}", Request(BOB if key is ALICE else other).set("X-Bittensor-Hotkey", key.ss58_address).set("X-Bittensor-Crypto", kind), "bad-signature")
        for bit in (0, 255, 256, 504, 510, 511):
            case(f, f"with bit {bit} flipped, {kind}", flipped(Request(key), bit), "bad-signature")
        case(f, f"of zeros, {kind}", Request(key).set("X-Bittensor-Signature", "0x" + "00" * 64), "bad-signature")
        case(f, f"of ones, {kind}", Request(key).set("X-Bittensor-Signature", "0x" + "ff" * 64), "bad-signature")
        case(f, f"with the group's order added, {kind}", with_order_added(Request(key)), "bad-signature")
        case(f, f"over the text in <Bytes>, {kind}", wrapped(key, kind), "bad-signature", WRAPPED)
    case(f, "sr25519, declared as ed25519", Request().set("X-Bittensor-Crypto", "ed25519"), "bad-signature")
    case(f, "ed25519, declared as sr25519", Request(ALICE_ED).set("X-Bittensor-Crypto", "sr25519"), "bad-signature")
    case(f, "ed25519, by default sr25519", Request(ALICE_ED).set("X-Bittensor-Crypto", None), "bad-signature")
    nobody = "5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM"  # the key of zeros: sr25519's identity
    identity = Request().set("X-Bittensor-Hotkey", nobody).set("X-Bittensor-Signature", "0x" + "00" * 63 + "80")
    case(f, "of the identity, sr25519", identity, "bad-signature", WEAK)
    weak = sp_core.ss58_encode(b"\1" + bytes(31), 42)
    small = Request(ALICE_ED).set("X-Bittensor-Hotkey", weak)
    small.set("X-Bittensor-Signature", "0x01" + "00" * 63)
    case(f, "of a key of small order, ed25519", small, "bad-signature", WEAK)


def flipped(request, bit):
    raw = bytearray.fromhex(request.get("X-Bittensor-Signature")[2:])
    raw[bit // 8] ^= 1 << bit % 8
    return request.set("X-Bittensor-Signature", "0x" + raw.hex())


def with_order_added(request):
    raw = bytearray.fromhex(request.get("X-Bittensor-Signature")[2:])
    marker = raw[63] & 0x80
    raw[63] &= 0x7F
    raw[32:] = (int.from_bytes(raw[32:], "little") + GROUP_ORDER).to_bytes(32, "little")
    raw[63] |= marker
    return request.set("X-Bittensor-Signature", "0x" + raw.hex())


def replay():
    f = "replay"
    for key, kind in ((ALICE, "sr25519"), (ALICE_ED, "ed25519")):
        first = Request(key)
        case(f, f"the same request, {kind}", first, "replayed", prior=[first])
        case(f, f"the same nonce, signed anew, {kind}", Request(key), "replayed", prior=[first])
        case(f, f"the same nonce for another target, {kind}", Request(key, target="/other"), "replayed", prior=[first])
        case(f, f"the same nonce with another body, {kind}", Request(key, body=b"{}"), "replayed", prior=[first])
        case(f, f"the same nonce with a zero before it, {kind}", zero(Request(key)), "replayed", prior=[first])
        case(f, f"the nonce after, {kind}", Request(key, nonce=NOW + 1), "ok", prior=[first])
        case(f, f"the nonce before, {kind}", Request(key, nonce=NOW - 1), "ok", prior=[first])
        case(f, f"the same nonce, forged: the signature comes first, {kind}", flipped(Request(key), 1), "bad-signature", prior=[first])
        case(f, f"after a forgery of it, {kind}", first, "ok", prior=[flipped(Request(key), 1)])
        case(f, f"after one for another receiver, {kind}", first, "ok", prior=[Request(key, receiver=ALICE.ss58_address)])
    case(f, "another hotkey's nonce", Request(ALICE_ED), "ok", prior=[Request()])
    case(f, "the same request twice", (twice := Request()), "replayed", prior=[twice, twice])


def main(folder):
    for write in (accepted, shape, receiver, time, signature, replay):
        write()
    for file, cases in FILES.items():
        names = [made["name"] for made in cases]
        assert len(set(names)) == len(names), sorted(n for n in names if names.count(n) > 1)
        (folder / f"{file}.json").write_text(json.dumps({"cases": cases}, indent=1, ensure_ascii=False) + "\n")
        print(f"{file}: {len(cases)} cases, {sum(bool(made['differs']) for made in cases)} with a verifier that differs")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
