"""Keyfiles in every form that one of bittensor's packages, of any age, may have written, and what is near them.

forms() names each and gives its text. Which of them are loaded, and as which key, is the packages' word, not ours.
"""

import json

import bittensor_core

PHRASE = "legal winner thank year wave sausage worth useful legal winner thank yellow"
SR25519, ED25519 = 1, 0


def bare(hexadecimal):
    return hexadecimal.removeprefix("0x")


def serialized(keypair):
    return json.loads(bytes(bittensor_core.serialized_keypair_to_keyfile_data(keypair)))


class Known:
    """One secret as a key of both schemes, and another's key."""

    def __init__(self):
        self.whole = {
            scheme: serialized(bittensor_core.Keypair.create_from_mnemonic(PHRASE, scheme))
            for scheme in (SR25519, ED25519)
        }
        self.seed = bare(self.whole[SR25519]["secretSeed"])
        self.other = serialized(bittensor_core.Keypair.create_from_uri("//Bob"))

    def private(self, scheme):
        return bare(self.whole[scheme]["privateKey"])

    def public(self, scheme):
        return bare(self.whole[scheme]["publicKey"])

    def address(self, scheme, prefix=42):
        return bittensor_core.ss58_encode(bytes.fromhex(self.public(scheme)), prefix)


def with_crypto_types(known, scheme, name, secret):
    """The secret with every way to say of which scheme it is, with and without its public half."""
    public = "0x" + known.public(scheme)
    full = {"accountId": public, "publicKey": public, "ss58Address": known.address(scheme)}
    types = {
        "right": {"cryptoType": scheme},
        "none": {},
        "text": {"cryptoType": str(scheme)},
        "wrong": {"cryptoType": 1 - scheme},
        "null": {"cryptoType": None},
        "float": {"cryptoType": float(scheme)},
        "big": {"cryptoType": 300},
        "name": {"cryptoType": "sr25519"},
        "list": {"cryptoType": [scheme]},
    }
    for type_name, crypto_type in types.items():
        yield f"{name}, type {type_name}, full", {**full, **secret, **crypto_type}
        yield f"{name}, type {type_name}, alone", {**secret, **crypto_type}


def with_public_halves(known, scheme, name, secret):
    crypto_type = {"cryptoType": scheme}
    for half_name, half in {
        "old address": {" ss58Address": known.address(scheme)},
        "broken address": {"ss58Address": "5Grw"},
        "empty address": {"ss58Address": ""},
        "no text for address": {"ss58Address": 5},
        "other's address": {"ss58Address": known.other["ss58Address"]},
        "address of prefix 0": {"ss58Address": known.address(scheme, 0)},
        "other's public key": {"publicKey": known.other["publicKey"]},
        "other's account": {"accountId": known.other["publicKey"]},
    }.items():
        yield f"{name}, {half_name}", {**half, **secret, **crypto_type}


def with_secrets(known, scheme):
    """The secret's own spellings."""
    seed, private = known.seed, known.private(scheme)
    for name, secret in {
        "seed without 0x": {"secretSeed": seed},
        "seed in capitals": {"secretSeed": "0x" + seed.upper()},
        "seed with 0X": {"secretSeed": "0X" + seed},
        "seed with 0x twice": {"secretSeed": "0x0x" + seed},
        "seed with spaces": {"secretSeed": f" 0x{seed} "},
        "private key as seed": {"secretSeed": "0x" + private},
        "short seed": {"secretSeed": "0x" + seed[:62]},
        "empty seed": {"secretSeed": "", "privateKey": "0x" + private},
        "number as seed": {"secretSeed": 7, "privateKey": "0x" + private},
        "null as seed": {"secretSeed": None, "privateKey": "0x" + private},
        "seed and other's private key": {"secretSeed": seed, "privateKey": known.other["privateKey"]},
        "private key without 0x": {"privateKey": private},
        "private key in capitals": {"privateKey": "0x" + private.upper()},
        "private key with 0x twice": {"privateKey": "0x0x" + private},
        "seed as private key": {"privateKey": "0x" + seed},
        "seed and public key as private key": {"privateKey": "0x" + seed + known.public(ED25519)},
        "seed and another as private key": {"privateKey": "0x" + seed + known.public(SR25519)},
        "phrase with spaces": {"secretPhrase": "  " + PHRASE.replace(" ", "  ") + " \n"},
        "phrase in capitals": {"secretPhrase": PHRASE.upper()},
        "phrase with a path": {"secretPhrase": PHRASE + "//hard"},
        "phrase with a password": {"secretPhrase": PHRASE + "///word"},
        "empty phrase": {"secretPhrase": "", "secretSeed": "0x" + seed},
        "null as phrase": {"secretPhrase": None, "secretSeed": "0x" + seed},
        "number as phrase": {"secretPhrase": 5, "secretSeed": "0x" + seed},
        "phrase and another seed": {"secretPhrase": PHRASE, "secretSeed": "0x" + "33" * 32},
        "more fields": {"secretSeed": "0x" + seed, "accountType": "x", "nested": {"secretSeed": [1]}},
        "no secret": {"ss58Address": known.address(scheme)},
        "public key alone": {"publicKey": "0x" + known.public(scheme)},
    }.items():
        yield name, {**secret, "cryptoType": scheme}


def without_json(known):
    """What the first versions wrote."""
    seed = known.seed
    for name, text in {
        "seed": seed,
        "seed with 0x": "0x" + seed,
        "seed in capitals": seed.upper(),
        "seed with 0X": "0X" + seed,
        "seed of digits alone": "12" * 32,
        "seed of zeros": "0" * 64,
        "sr25519 private key": known.private(SR25519),
        "sr25519 private key with 0x": "0x" + known.private(SR25519),
        "ed25519 private key": known.private(ED25519),
        "phrase": PHRASE,
        "phrase of 24 words": "abandon " * 23 + "art",
        "phrase with more spaces": PHRASE.replace(" ", "  "),
        "phrase on lines": PHRASE.replace(" ", "\n"),
        "phrase in capitals": PHRASE.upper(),
        "phrase with a path": PHRASE + "//x",
        "phrase with a wrong word": PHRASE.replace("legal", "zoo", 1),
        "uri": "//Alice",
    }.items():
        yield f"bare {name}", text
        yield f"bare {name}, newline", text + "\n"
        yield f"bare {name}, white space", f"  {text} \r\n"
        yield f"bare {name}, in quotes", json.dumps(text)


def oddly_written(known):
    seed = "0x" + known.seed
    yield "member twice", '{"secretSeed":"0x%s","secretSeed":"%s"}' % ("33" * 32, seed)
    yield "member twice, then null", '{"secretSeed":"%s","secretSeed":null}' % seed
    yield "escapes", '{"secret\\u0053eed":"\\u0030%s"}' % seed[1:]
    yield "indented", json.dumps({"secretSeed": seed}, indent=2) + "\n"
    yield "something behind", json.dumps({"secretSeed": seed}) + " x"
    for crypto_type in range(2, 8):
        yield f"type {crypto_type}", json.dumps({"secretSeed": seed, "cryptoType": crypto_type})


def forms():
    known = Known()
    found = {}
    for scheme, scheme_name in ((SR25519, "sr25519"), (ED25519, "ed25519")):
        whole = known.whole[scheme]
        for name, members in {
            "phrase": ["secretPhrase"],
            "seed": ["secretSeed"],
            "private key": ["privateKey"],
            "seed and private key": ["secretSeed", "privateKey"],
            "all": ["secretPhrase", "secretSeed", "privateKey"],
        }.items():
            secret = {member: whole[member] for member in members}
            for form, content in with_crypto_types(known, scheme, name, secret):
                found[f"{scheme_name} {form}"] = json.dumps(content)
            for form, content in with_public_halves(known, scheme, name, secret):
                found[f"{scheme_name} {form}"] = json.dumps(content)
        for form, content in with_secrets(known, scheme):
            found[f"{scheme_name} {form}"] = json.dumps(content)
    found.update(without_json(known))
    found.update(oddly_written(known))
    return found
