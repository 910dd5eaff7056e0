"""What published verifiers make of a case of tests/conformance/btauth."""

import base64

from bittensor import http_auth
from taowire.auth.nonce_store import MemoryNonceStore
from taowire.auth.verifier import RequestVerifier
from taowire.errors import AuthFailed

SDK = {
    http_auth.MalformedAuth: "malformed",
    http_auth.WrongReceiver: "wrong-receiver",
    http_auth.StaleRequest: "stale",
    http_auth.ReplayedRequest: "replayed",
    http_auth.BadSignature: "bad-signature",
}
TAOWIRE = {f"tw.auth_{word.replace('-', '_')}": word for word in SDK.values()}
RETENTION = 3600


def of_sdk(verify, request):
    """The word for what http_auth.verify makes of a request."""
    try:
        verify(request)
    except http_auth.AuthError as error:
        return SDK[type(error)]
    return "ok"


def bittensor(case):
    store = http_auth.InMemoryNonceStore(RETENTION)

    def verify(request):
        http_auth.verify(
            dict(request["headers"]),
            base64.b64decode(request["body_base64"]),
            method=request["method"],
            path=request["target"],
            self_hotkey_ss58=case["self"],
            max_age=case["max_age_ms"] / 1000,
            allowed_skew=case["skew_ms"] / 1000,
            require_receiver=case["require_receiver"],
            nonce_store=store,
            now_ns=int(case["now_ns"]),
        )

    return [of_sdk(verify, request) for request in (*case["prior"], case["request"])][-1]


def taowire(case):
    verifier = RequestVerifier(
        case["self"],
        MemoryNonceStore(RETENTION),
        max_age=case["max_age_ms"] / 1000,
        allowed_skew=case["skew_ms"] / 1000,
        now_ns=lambda: int(case["now_ns"]),
    )
    verdict = None
    for request in (*case["prior"], case["request"]):
        try:
            verifier.verify_sync(
                [tuple(header) for header in request["headers"]],
                base64.b64decode(request["body_base64"]),
                method=request["method"],
                target=request["target"],
            )
            verdict = "ok"
        except AuthFailed as error:
            verdict = TAOWIRE[error.code]
    return verdict


PEERS = {"bittensor": bittensor, "taowire": taowire}


def verdict_of(peer, case):
    return PEERS[peer](case)
