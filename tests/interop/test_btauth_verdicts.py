"""What dojo-host makes of btauth/1 requests, against what Bittensor's SDK makes of the same ones (http_auth.verify): signed
well, or with up to three things changed, before they were signed or after. btauth_verdicts.cpp has our verdicts;
DOJO_BTAUTH_VERDICTS names that program.

Where docs/wire.md is stricter than the SDK, STRICTER says what we have to say, whatever the SDK says, and NEVER what we take
in no case. Everywhere else both have to say the same.

A million cases, about six minutes on two cores:

    DOJO_BTAUTH_VERDICTS=build/release/tests/btauth_verdicts DOJO_BTAUTH_VERDICTS_COUNT=1000000 \\
        build/release/btauth-venv/bin/python tests/interop/test_btauth_verdicts.py
"""

import collections
import os
import random
import re
import struct
import subprocess
import sys
import unittest

from bittensor import http_auth, sp_core

from btauth_verdicts import of_sdk

COUNT = int(os.environ.get("DOJO_BTAUTH_VERDICTS_COUNT", "20000"))
BATCH = 1000
CASES_OF_A_REQUEST = 8  # by each signature
NOW = 1_752_076_800_123_456_789
WINDOWS = [(10_000, 2_000, True), (10_000, 2_000, False), (1, 1, True), (600_000, 30_000, True)]
BOB = sp_core.Keypair.from_uri("//Bob")
SELF = BOB.ss58_address
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
FIELD = 2**255 - 19
IDENTITY = "5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM"  # sr25519's, the key of zeros
# ed25519's points of an order up to 8, by their y: signatures of such a key hold for every text, or every eighth.
ORDER_8 = 0x5fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826
SMALL = [0, 1, FIELD - 1, ORDER_8, FIELD - ORDER_8]

VERSION, HOTKEY, RECEIVER, NONCE, CRYPTO, SIGNATURE = (
    f"X-Bittensor-{word}" for word in ("Version", "Hotkey", "Receiver", "Nonce", "Crypto", "Signature")
)
NAMES = (VERSION, HOTKEY, RECEIVER, NONCE, CRYPTO, SIGNATURE)
# Of every sort that some parser takes for something else: signs, separators, white space and digits of other scripts.
LETTERS = [*"0123456789abcdefABCDEFxXgGlIO+-_.,;:=/&?#%~'\"{}", " ", "\t", "\u00a0", "\u0085", "\u2003", "\u00b2", "\u0663", "\uff11", "é", "\ufeff"]


def keys(draw):
    """Signers of both schemes: two that everybody knows, and more."""
    seeds = ["//Alice"] + [f"//{draw.randrange(2**32)}" for _ in range(7)]
    return [
        sp_core.Keypair.from_uri(seed, crypto_type=crypto) for seed in seeds for crypto in (sp_core.CRYPTO_SR25519, sp_core.CRYPTO_ED25519)
    ]


class Case:
    """A request, before or after it is signed; headers are a list, since one may be there twice."""

    def __init__(self, key, window, method, target, body, nonce, receiver):
        self.key, self.window = key, window
        self.method, self.target, self.body = method, target, body
        self.nonce, self.receiver, self.sender = nonce, receiver, key.ss58_address
        self.scheme = "ed25519" if key.crypto_type == sp_core.CRYPTO_ED25519 else "sr25519"
        self.headers, self.changes = [], []

    def payload(self):
        return http_auth.build_payload(
            scheme=self.scheme,
            method=self.method,
            path=self.target,
            body=self.body,
            nonce_ns=self.nonce,
            sender_ss58=self.sender,
            receiver_ss58=self.receiver,
        )

    def sign(self):
        """As http_auth.sign does, but under any name and scheme."""
        self.headers = [
            (VERSION, "1"),
            (HOTKEY, self.sender),
            (NONCE, str(self.nonce)),
            (SIGNATURE, "0x" + bytes(self.key.sign(self.payload())).hex()),
        ]
        if self.scheme != "sr25519":
            self.headers.append((CRYPTO, self.scheme))
        if self.receiver is not None:
            self.headers.append((RECEIVER, self.receiver))
        return self

    def copy(self):
        made = object.__new__(Case)
        made.__dict__.update(self.__dict__, headers=list(self.headers), changes=list(self.changes))
        return made

    def get(self, name):
        return next((v for n, v in self.headers if n.lower() == name.lower()), None)

    def set(self, name, value):
        if self.get(name) is None:
            self.headers.append((name, value))
        else:
            self.headers = [(n, value if n.lower() == name.lower() else v) for n, v in self.headers]

    def signature(self):
        """Its bytes, if it is still of that form."""
        text = self.get(SIGNATURE) or ""
        return bytearray.fromhex(text[2:]) if re.fullmatch("0x[0-9a-f]{128}", text) else None

    def described(self):
        return {name: value for name, value in vars(self).items() if name != "key"}


# ---- what is changed before it is signed: both have to take it, or to refuse it for what it says


def at_an_edge(case, draw):
    age, skew, _ = case.window
    case.nonce = NOW + draw.choice([-age * 10**6, skew * 10**6]) + draw.choice([-1, 0, 1, -1000, 1000])


def any_nonce(case, draw):
    case.nonce = draw.choice(
        [0, 1, 2**31, NOW // 10**9, NOW // 10**6, NOW * 10, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**20 - 1, 10**20, -NOW, -1]
    )


def other_receiver(case, draw):
    case.receiver = draw.choice([None, None, case.sender, SELF[:-1], SELF + "1", SELF.lower(), "-", "*", prefixed(BOB, draw)])


def other_sender(case, draw):
    case.sender = draw.choice([prefixed(case.key, draw), SELF, case.sender[:-1], case.sender + " "])


def other_scheme(case, draw):
    case.scheme = "ed25519" if case.scheme == "sr25519" else "sr25519"


def prefixed(key, draw):
    return sp_core.ss58_encode(bytes(key.public_key), draw.choice([0, 2, 41, 43, 63, 64, 255, 1000, 16383]))


# ---- after


def header_gone(case, draw):
    case.headers = [(n, v) for n, v in case.headers if n != case_name(case, draw)]


def header_twice(case, draw):
    name = case_name(case, draw)
    value = draw.choice([case.get(name) or "", "", "1", SELF, str(NOW)])
    case.headers.insert(draw.randrange(len(case.headers) + 1), (draw.choice([name, name.lower(), name.upper()]), value))


def header_named_otherwise(case, draw):
    name = case_name(case, draw)
    other = draw.choice([name.lower(), name.upper(), name.swapcase(), name.replace("-", "_"), name + "-", name[1:]])
    case.headers = [(other if n == name else n, v) for n, v in case.headers]


def header_beside(case, draw):
    for _ in range(draw.choice([1, 1, 2])):
        case.headers.append((draw.choice(["X-Bittensor-Netuid", "x-bittensor-", "X-Bittensor", "X-Request-Id", "Accept"]), "1"))


def headers_in_any_order(case, draw):
    draw.shuffle(case.headers)


def value_edited(case, draw):
    name = case_name(case, draw)
    value = case.get(name) or ""
    for _ in range(draw.choice([1, 1, 1, 2, 5])):
        at = draw.randrange(len(value) + 1)
        cut = draw.choice([0, 0, 1])
        value = value[:at] + draw.choice([draw.choice(LETTERS), draw.choice(LETTERS), ""]) + value[at + cut :]
    case.set(name, value)


def value_padded(case, draw):
    name = case_name(case, draw)
    pad = draw.choice([" ", "\t", "  ", "\u00a0", "\u2003", "0", "+", "-", "_", "\x1f"])
    value = case.get(name) or ""
    case.set(name, draw.choice([pad + value, value + pad, pad + value + pad]))


def value_of_another(case, draw):
    case.set(case_name(case, draw), case.get(case_name(case, draw)) or "")


def value_gone(case, draw):
    case.set(case_name(case, draw), "")


def value_in_another_case(case, draw):
    name = case_name(case, draw)
    case.set(name, draw.choice([str.upper, str.lower, str.swapcase, str.title])(case.get(name) or ""))


def nonce_written_otherwise(case, draw):
    digits = case.get(NONCE) or "0"
    scripts = [0x660, 0x966, 0xFF10, 0x1D7CE]
    case.set(
        NONCE,
        draw.choice(
            [
                "0" + digits,
                "00" + digits,
                "0" * draw.randrange(30) + digits,
                "+" + digits,
                "-" + digits,
                digits[:3] + "_" + digits[3:],
                digits + ".0",
                digits + "e0",
                "0x" + digits,
                "0b1",
                "0o7",
                " " + digits,
                digits + "\n",
                "".join(chr(draw.choice(scripts) + int(c)) if c.isascii() and c.isdigit() else c for c in digits),
                digits + "L",
                str(NOW + draw.randrange(-(10**9), 10**9)),
                "9" * draw.randrange(1, 40),
                "",
            ]
        ),
    )


def scheme_written_otherwise(case, draw):
    words = ["sr25519", "ed25519", "SR25519", "Ed25519", " sr25519", "ed25519 ", "0", "1", "2", "3", "-1", "01", "hashed", "mldsa"]
    case.set(CRYPTO, draw.choice([*words, "ecdsa", "ed25519,sr25519", "sr25519,sr25519", "", "sr", "none", "None"]))


def version_written_otherwise(case, draw):
    case.set(VERSION, draw.choice(["0", "2", "01", "1.0", " 1", "1 ", "+1", "btauth/1", "\uff11", "1,1", "", "11"]))


def hotkey_written_otherwise(case, draw):
    address = case.get(HOTKEY) or case.sender
    raw = "0x" + bytes(case.key.public_key).hex()
    case.set(
        HOTKEY,
        draw.choice(
            [
                raw,
                raw[2:],
                prefixed(case.key, draw),
                sp_core.Keypair.from_uri("//Charlie").ss58_address,
                SELF,
                IDENTITY,
                weak_key(draw),
                sp_core.ss58_encode(draw.randbytes(32), 42),
                sp_core.ss58_encode((FIELD + draw.randrange(19)).to_bytes(32, "little"), 42),
                "5" * 48,
                "1" * draw.choice([47, 48, 49, 1000]),
                address[::-1],
                address[:-1],
                address + address[-1],
            ]
        ),
    )


def receiver_written_otherwise(case, draw):
    case.set(RECEIVER, draw.choice([SELF, SELF.lower(), SELF + " ", " " + SELF, "-", "", "*", case.sender, prefixed(BOB, draw), SELF[:-1]]))


def signature_written_otherwise(case, draw):
    text = case.get(SIGNATURE) or "0x"
    digits = text[2:]
    at = draw.randrange(len(digits) + 1)
    case.set(
        SIGNATURE,
        draw.choice(
            [
                digits,
                "0X" + digits,
                "0x" + digits.upper(),
                "0x" + digits.swapcase(),
                "0x0x" + digits,
                "0x" + digits[:at] + " " + digits[at:],
                "0x" + digits[:at] + draw.choice(["\t", "\n", "\u00a0", "_", "g"]) + digits[at:],
                text[:-1],
                text[:-2],
                text + "00",
                "0x00" + digits,
                "0x01" + digits,
                "0x",
                "0x" + "00" * 64,
                "0x" + "ff" * 64,
                "0x" + digits[:64],
                "0x" + digits[64:] + digits[:64],
                digits + "0x",
            ]
        ),
    )


def signature_flipped(case, draw):
    raw = case.signature()
    if raw is None:
        return
    bit = draw.choice([draw.randrange(512), 511, 510, 509, 508, 255, 254, 0, 256])
    raw[bit // 8] ^= 1 << bit % 8
    case.set(SIGNATURE, "0x" + raw.hex())


def signature_not_canonical(case, draw):
    """s + L, the same number; or R that is the same point in other bytes, which few are."""
    raw = case.signature()
    if raw is None:
        return
    marker = raw[63] & 0x80 if case.scheme == "sr25519" else 0
    raw[63] &= 0xFF ^ marker
    s = int.from_bytes(raw[32:], "little")
    other = draw.choice([s + GROUP_ORDER, GROUP_ORDER - s % GROUP_ORDER, s, GROUP_ORDER, 0, 2**252, 2**255 - 1]) % 2**256
    raw[32:] = other.to_bytes(32, "little")
    raw[63] |= draw.choice([marker, 0x80 ^ marker if case.scheme == "sr25519" else 0])
    if draw.random() < 0.3:
        raw[:32] = draw.choice([bytes(32), b"\1" + bytes(31), (FIELD + draw.randrange(19)).to_bytes(32, "little"), b"\xff" * 32])
    case.set(SIGNATURE, "0x" + raw.hex())


def signature_over_bytes(case, draw):
    """As polkadot wallets sign."""
    case.set(SIGNATURE, "0x" + bytes(case.key.sign(b"<Bytes>" + case.payload() + b"</Bytes>")).hex())


def signature_over_something_else(case, draw):
    text = case.payload()
    texts = [
        text + b"\n",
        text.replace(b"\n", b"\r\n"),
        text.replace(b"btauth/1", b"btauth/2"),
        text.replace(case.scheme.encode(), case.scheme.upper().encode(), 1),
        text.rsplit(b"\n", 1)[0],
        text.lower(),
        b"",
    ]
    case.set(SIGNATURE, "0x" + bytes(case.key.sign(draw.choice(texts))).hex())


def signature_of_the_identity(case, draw):
    """Anybody can make one."""
    case.set(HOTKEY, IDENTITY)
    case.set(SIGNATURE, "0x" + "00" * 63 + "80")


def signature_of_small_order(case, draw):
    case.set(HOTKEY, weak_key(draw))
    case.set(CRYPTO, "ed25519")
    case.set(SIGNATURE, "0x01" + "00" * 63)


def weak_key(draw):
    """Of small order, with either sign; in bytes that are not canonical too, where y + p fits into 255 bits."""
    y = draw.choice([*SMALL, FIELD, FIELD + 1])
    return sp_core.ss58_encode((y | draw.choice([0, 1]) << 255).to_bytes(32, "little"), 42)


def other_method(case, draw):
    case.method = draw.choice([case.method.lower(), case.method.title(), "GET", "PUT", "HEAD", "QUERY"])


def other_target(case, draw):
    target = case.target
    at = draw.randrange(1, len(target) + 1)
    case.target = draw.choice(
        [
            target + "?",
            target + "&",
            target + "/",
            target + "#x",
            "/" + target,
            target.split("?")[0],
            target.upper(),
            target.lower(),
            target.replace("%2F", "/").replace("%20", " ").replace(" ", "+") or "/",
            target.replace("%", "%25"),
            target.replace("+", "%20"),
            target.replace("&", ";"),
            target[:at] + draw.choice("abc/.%&=~") + target[at:],
            target[:at] + "./" + target[at:],
            target[:at] + target[at + 1 :],
        ]
    )


def other_body(case, draw):
    body = bytearray(case.body)
    at = draw.randrange(len(body) + 1)
    case.body = bytes(
        draw.choice(
            [
                body + b" ",
                body + b"\0",
                body + b"\r\n",
                b"\xef\xbb\xbf" + body,
                b"",
                body[:at],
                body[:at] + bytes([draw.randrange(256)]) + body[at + 1 :],
                body.replace(b" ", b""),
                body[::-1],
            ]
        )
    )


def case_name(case, draw):
    return draw.choice(NAMES)


BEFORE = [at_an_edge, at_an_edge, any_nonce, other_receiver, other_receiver, other_sender, other_scheme]
AFTER = [
    header_gone,
    header_twice,
    header_named_otherwise,
    header_beside,
    headers_in_any_order,
    value_edited,
    value_edited,
    value_padded,
    value_of_another,
    value_gone,
    value_in_another_case,
    nonce_written_otherwise,
    nonce_written_otherwise,
    scheme_written_otherwise,
    version_written_otherwise,
    hotkey_written_otherwise,
    receiver_written_otherwise,
    signature_written_otherwise,
    signature_flipped,
    signature_not_canonical,
    signature_over_bytes,
    signature_over_something_else,
    signature_of_the_identity,
    signature_of_small_order,
    other_method,
    other_target,
    other_body,
]


# ---- the cases


def target_of(draw):
    pieces = ["a=1", "b=%20", "c=%2F%3f", "d", "f=a+b", "g=~._-", "", "h=%C3%BC", "i=%00", "j=" + "y" * draw.randrange(80)]
    query = "&".join(draw.sample(pieces, draw.randrange(len(pieces))))
    path = draw.choice(["/Echo", "/generate", "/", "/a%20b", "/a%2Fb", "//a", "/~a/../b", "/a;b=c"])
    return path + draw.choice(["", "?" + query, "?" + query])


def body_of(draw):
    return draw.choice([b"", b'{"prompt": "hello"}', b"{}", draw.randbytes(draw.randrange(300)), b'{"x":"\xc3\xbc"}\n', bytes(draw.randrange(5000))])


class Dealer:
    """Without end. The same seed deals the same cases, but for sr25519's signatures, which are randomised."""

    def __init__(self, seed):
        self.draw = random.Random(seed)
        self.keys = keys(self.draw)
        self.signed = self.last = None
        self.dealt = 0

    def sign(self):
        draw = self.draw
        window = draw.choice(WINDOWS)
        age, skew, _ = window
        nonce = NOW + draw.randrange(-age * 10**6, skew * 10**6)
        method = draw.choice(["POST"] * 5 + ["GET", "HEAD", "PUT", "DELETE", "post"])
        case = Case(draw.choice(self.keys), window, method, target_of(draw), body_of(draw), nonce, SELF)
        for change in draw.sample(BEFORE, draw.choice([0, 0, 0, 0, 0, 1, 1, 2])):
            case.changes.append(change.__name__)
            change(case, draw)
        return case.sign()

    def deal(self):
        if self.dealt % CASES_OF_A_REQUEST == 0:
            self.signed = self.sign()
        self.dealt += 1
        draw = self.draw
        if self.last and draw.random() < 0.03:  # once more, as it was
            case = self.last.copy()
            case.changes.append("again")
            return case
        case = self.last = self.signed.copy()
        for change in draw.sample(AFTER, draw.choice([0, 0, 1, 1, 1, 1, 2, 3])):
            case.changes.append(change.__name__)
            change(case, draw)
        return case


# ---- where we are stricter


class Facts:
    """What stands in a request's headers, whoever reads them."""

    def __init__(self, case):
        lowered = [(name.lower(), value) for name, value in case.headers]
        family = [name for name, _ in lowered if name.startswith("x-bittensor-")]
        self.twice = len(set(family)) != len(family)
        last = dict(lowered)
        self.version, self.hotkey, self.receiver, self.nonce, self.crypto, self.signature = (last.get(name.lower()) for name in NAMES)
        self.lacking = not (self.version and self.hotkey and self.nonce and self.signature)
        self.over_bytes = "signature_over_bytes" in case.changes


def is_address(text):
    """Of prefix 42, by Base58 and its checksum."""
    try:
        return len(text) == 48 and sp_core.ss58_encode(bytes(sp_core.ss58_decode(text)), 42) == text
    except ValueError:
        return False


SAME = "so does the SDK"
# In the order in which we look: the first of which one holds says what we have to say, and why.
STRICTER = [
    ("malformed", "the SDK sees a mapping, in which one of two equal headers has gone", lambda facts: facts.twice),
    ("unsigned", "a word of its own for a header that is not there, or empty", lambda facts: facts.lacking),
    ("malformed", SAME, lambda facts: facts.version != "1"),
    ("malformed", "the SDK takes addresses of any prefix, and looks at them last", lambda facts: not is_address(facts.hotkey)),
    (
        "malformed",
        "the SDK reads nonces with int(), which takes signs, spaces, underscores and any script's digits, as many as there are",
        lambda facts: not re.fullmatch("[0-9]{1,20}", facts.nonce),
    ),
    (
        "malformed",
        "the SDK takes numbers and any case for a scheme's name",
        lambda facts: facts.crypto not in (None, "sr25519", "ed25519"),
    ),
    (
        "malformed",
        "the SDK skips white space in a signature, needs no 0x, and looks at its length last",
        lambda facts: not re.fullmatch("0x[0-9a-fA-F]{128}", facts.signature),
    ),
]


def is_weak(hotkey):
    y = int.from_bytes(bytes(sp_core.ss58_decode(hotkey)), "little") & ~(1 << 255)
    return y % FIELD in SMALL


NEVER = [
    ("the SDK takes signatures over <Bytes>…</Bytes>, which the protocol forbids to make", lambda facts: facts.over_bytes),
    ("the SDK takes weak keys", lambda facts: is_weak(facts.hotkey)),
]
TAKEN = {"ok", "replayed"}  # which is looked at last


def judge(case, ours, theirs):
    """@return whether the two verdicts may stand beside each other, and what they have to do with"""
    facts = Facts(case)
    for word, why, holds in STRICTER:
        if holds(facts):
            return ours == word, why
    for why, holds in NEVER:
        if holds(facts) and (ours in TAKEN or theirs in TAKEN):
            return ours == "bad-signature", why
    return ours == theirs, None


# ---- both verifiers


class Store(set):
    """http_auth.NonceStore, for ever."""

    def check_and_store(self, hotkey, nonce):
        self.last = (hotkey, nonce)
        known = self.last in self
        self.add(self.last)
        return not known

    def forget_last(self):
        """What we have not taken, or one disagreement would make many."""
        self.remove(self.last)


STORES = collections.defaultdict(Store)


def theirs_of(case):
    age, skew, require_receiver = case.window

    def verify(case):
        http_auth.verify(
            dict(case.headers),
            case.body,
            method=case.method,
            path=case.target,
            self_hotkey_ss58=SELF,
            max_age=age / 1000,
            allowed_skew=skew / 1000,
            require_receiver=require_receiver,
            nonce_store=STORES[case.window],
            now_ns=NOW,
        )

    return of_sdk(verify, case)


def packed(case):
    def text(value):
        raw = value.encode()
        return struct.pack("<H", len(raw)) + raw

    parts = [struct.pack("<IIB", *case.window), text(case.method), text(case.target), struct.pack("<H", len(case.headers))]
    parts += [text(name) + text(value) for name, value in case.headers]
    return b"".join([*parts, struct.pack("<I", len(case.body)), case.body])


class Tally:
    """How often each change was made, each verdict given, and each reason was one to differ; and what was wrong."""

    def __init__(self):
        self.changes, self.verdicts, self.reasons = (collections.Counter() for _ in range(3))
        self.wrong = []

    def add(self, case, ours, theirs):
        good, reason = judge(case, ours, theirs)
        self.changes.update(case.changes or ["nothing"])
        self.verdicts[ours] += 1
        if reason and ours != theirs:
            self.reasons[reason] += 1
        if not good:
            self.wrong.append((ours, theirs, reason, case.described()))


def run(program, count, seed):
    dealer, tally = Dealer(seed), Tally()
    with subprocess.Popen([program, SELF, str(NOW)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        for begin in range(0, count, BATCH):
            cases = [dealer.deal() for _ in range(min(BATCH, count - begin))]
            body = b"".join(map(packed, cases))
            process.stdin.write(struct.pack("<II", len(cases), len(body)) + body)
            process.stdin.flush()
            for case in cases:
                theirs = theirs_of(case)
                ours = process.stdout.readline().decode().strip()
                tally.add(case, ours, theirs)
                if theirs == "ok" and ours != "ok":
                    STORES[case.window].forget_last()
        process.stdin.write(struct.pack("<II", 0, 0))
        process.stdin.close()
    assert process.returncode == 0, process.returncode
    return tally


class Verdicts(unittest.TestCase):
    def test_are_the_sdks_or_known_to_be_others(self):
        seed = int(os.environ.get("DOJO_BTAUTH_VERDICTS_SEED", random.randrange(2**32)))
        print(f"DOJO_BTAUTH_VERDICTS_SEED={seed}", flush=True)
        tally = run(os.environ["DOJO_BTAUTH_VERDICTS"], COUNT, seed)
        for table in (tally.changes, tally.verdicts, tally.reasons):
            print(*(f"{number:8} {what}" for what, number in table.most_common()), "", sep="\n", flush=True)
        for ours, theirs, reason, case in tally.wrong[:5]:
            print(f"here {ours}, there {theirs} ({reason or 'no reason to differ'}): {case}", flush=True)
        self.assertEqual(len(tally.wrong), 0)
        self.assertEqual(sum(tally.verdicts.values()), COUNT)
        # All of it has been tried, and each reason is still one.
        self.assertEqual({change.__name__ for change in BEFORE + AFTER} - set(tally.changes), set())
        for word in ("ok", "unsigned", "malformed", "wrong-receiver", "stale", "bad-signature", "replayed"):
            self.assertGreater(tally.verdicts[word], COUNT // 100, word)
        self.assertEqual({why for *_, why, _ in STRICTER + NEVER if why != SAME} - set(tally.reasons), set())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
