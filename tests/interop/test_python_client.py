"""An unmodified Python validator and dojo-host: the published package's Client is what sends."""

import asyncio
import base64
import json
import random
from datetime import datetime, timedelta, timezone

import pytest
from messaging import Client
from pydantic import BaseModel, ValidationError
from tenacity import RetryError

import models
from keys import Key

pytestmark = pytest.mark.usefixtures("gateway")

SIZES = {"no message": 0, "1 KB": 1 << 10, "1 MB": 1 << 20}
ONE_ATTEMPT = {"max_retries": 1}


class Misspelt(BaseModel):
    """Goes to /Echo with a field that is no string."""

    message: int


Misspelt.__name__ = "Echo"


def text(size):
    """That zstd does not make much smaller."""
    return random.Random(size).randbytes(size // 2).hex()


def send(key, *calls, plain=False, together=False, **options):
    """Sends (url, model) pairs, one after the other or as a batch; the responses."""

    async def run():
        client = Client(hotkey=key.address)
        if plain:
            client._compression_headers = {}
        try:
            if together:
                urls, payloads = zip(*calls)
                return list(await client.batch_send(list(urls), list(payloads), **options))
            return [await client.send(url, model, **options) for url, model in calls]
        finally:
            await client.close()
            await client._kami.close()

    return asyncio.run(run())


def refusal(response):
    """HTTP status and code of a response that the client gave up on."""
    assert isinstance(response.exception, RetryError), response
    return response.exception.last_attempt.exception().status


def no_trouble(response):
    assert response.exception is None and response.error is None, response
    return response


@pytest.mark.parametrize("plain", [False, True], ids=["zstd", "plain"])
@pytest.mark.parametrize("preflight", [True, False], ids=["preflight", "no preflight"])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_is_answered(dojo_host, validator, size, preflight, plain):
    model = models.Echo(message=text(size))
    [response] = send(validator, (dojo_host.url, model), enable_preflight=preflight, plain=plain)
    assert no_trouble(response).body == model
    assert response.client_response.headers.get("content-encoding") == (None if plain else "zstd")


def test_reads_a_model_with_optional_fields_and_metadata(dojo_host, validator):
    model = models.ScoreRequest(prompt="the quick fox", completions=["a dog", "the quick fox"])
    [response] = send(validator, (dojo_host.url, model))
    assert no_trouble(response).body.score == pytest.approx(1)
    assert response.metadata["best"] == 1


KINDS = {
    "shape": {"kind": "circle", "radius": 1.5},
    "value": 1,
    "point": [0.0, -1.5, 1e300],
    "row": [1, "é", None],
    "pairs": [["a", 1.0], ["b", 0.25]],
    "blob": base64.b64encode(bytes(range(256))),
    "wait": timedelta(days=400, seconds=1, microseconds=5),
    "at": datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone.utc),
    "name": "abc",
    "mode": "best",
    "scores": [0.0, 0.5],
}
OTHERS = {
    "shape": [{"kind": "square", "side": 2.0}, {"kind": "square", "side": 1.0, "corners": 5}],
    "value": [None, True, 0, 1.0, -2.5, 3_000_000_000, "", "text", [], [1, 2]],
    "row": [[-1, "", True]],
    "pairs": [[]],
    "blob": [b"", b"Zg==", b"Zm8=", base64.b64encode(b"x" * 1000)],
    "wait": [timedelta(0), timedelta(seconds=-1.5), timedelta(days=-3), timedelta(days=100_000, hours=7, minutes=9)],
    "at": [
        datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=timezone.utc),
        datetime(2024, 2, 29, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        datetime(1, 1, 1, tzinfo=timezone.utc),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=timezone.utc),
    ],
    "top_k": [1, 100],
    "name": ["ab", "a" * 8],
    "mode": ["fast"],
    "scores": [[], [0.0, 0.0, 0.999]],
}
WRONG = {
    "shape": [{"kind": "circle", "side": 1}, {"radius": "x"}, []],
    "value": [{}, ["x"]],
    "point": [[1, 2], [1, 2, 3, 4], [1, 2, "x"]],
    "row": [[1, "x"], [1, 2, None], {}],
    "pairs": [[["a"]], [["a", 1, 2]]],
    "blob": ["Zg", "Z", 5],
    "wait": ["P", "PT", "x", True],
    "at": ["x", "2026-02-30T00:00:00Z", "2026-01-02T24:00:00Z", None],
    "top_k": [0, 101, 1.5],
    "name": ["a", "a" * 9, "aB", "€€"],
    "mode": ["slow", 1],
    "scores": [[1], [-0.1], [0, 0, 0, 0]],
}


def kinds():
    """KINDS, and with every other value of each field."""
    yield KINDS
    for field, values in OTHERS.items():
        for value in values:
            yield {**KINDS, field: value}


def test_reads_and_writes_each_kind_of_field_as_pydantic(dojo_host, validator):
    sent = [models.Kinds(**values) for values in kinds()]
    responses = send(validator, *((dojo_host.url, model) for model in sent), together=True)
    for model, response in zip(sent, responses):
        got = no_trouble(response).body
        assert got == model
        assert type(got.value) is type(model.value)


def test_refuses_each_kind_of_field_as_pydantic(dojo_host, validator):
    class Loose(BaseModel):
        model_config = {"extra": "allow"}

    Loose.__name__ = "Kinds"
    good = models.Kinds(**KINDS).model_dump(mode="json")
    wrong = [{**good, field: value} for field, values in WRONG.items() for value in values]
    for values in wrong:
        with pytest.raises(ValidationError):
            models.Kinds.model_validate_json(json.dumps(values))
    responses = send(
        validator, *((dojo_host.url, Loose(**values)) for values in wrong), together=True, **ONE_ATTEMPT
    )
    assert [refusal(response) for response in responses] == [400] * len(wrong)


def test_64_at_once_are_all_answered(start_host, validator):
    host = start_host()
    sent = [models.Echo(message=f"{i} ✓") for i in range(64)]
    responses = send(validator, *((host.url, model) for model in sent), together=True)
    assert [no_trouble(response).body for response in responses] == sent
    assert host.stop() == {"ok": 128}  # a HEAD and a POST each, and no attempt more


def test_a_batch_keeps_its_order_where_some_fail(dojo_host, validator):
    calls = [
        (dojo_host.url, models.Echo(message="first")),
        (dojo_host.url, models.Nobody()),
        (dojo_host.url, models.Echo(message="last")),
    ]
    first, nobody, last = send(validator, *calls, together=True, **ONE_ATTEMPT)
    assert (no_trouble(first).body.message, no_trouble(last).body.message) == ("first", "last")
    assert refusal(nobody) == 404


@pytest.mark.parametrize("preflight", [True, False], ids=["preflight", "no preflight"])
def test_a_wrong_key_is_refused(start_host, start_gateway, monkeypatch, validator, preflight):
    monkeypatch.setenv("KAMI_PORT", str(start_gateway(Key("stranger")).port))
    host = start_host()
    [response] = send(
        validator, (host.url, models.Echo(message="hi")), enable_preflight=preflight, **ONE_ATTEMPT
    )
    assert refusal(response) == 403
    assert host.stop() == {"bad-signature": 1}


@pytest.mark.parametrize("preflight", [True, False], ids=["preflight", "no preflight"])
def test_a_blacklisted_caller_is_told_and_does_not_try_again(start_host, validator, preflight):
    host = start_host(f'[access]\ndeny = ["{validator.address}"]\n')
    [response] = send(
        validator, (host.url, models.Echo(message="hi")), enable_preflight=preflight, max_retries=3
    )
    assert response.exception is None
    assert response.client_response.status == 200
    assert response.error.startswith("Blacklisted: ")
    # One attempt: the HEAD, where there is one, and the POST.
    assert host.stop() == {"blacklisted": 2 if preflight else 1}


@pytest.mark.parametrize("preflight", [True, False], ids=["preflight", "no preflight"])
def test_an_unknown_route_is_404(dojo_host, validator, preflight):
    [response] = send(
        validator, (dojo_host.url, models.Nobody()), enable_preflight=preflight, **ONE_ATTEMPT
    )
    assert refusal(response) == 404


def test_a_model_that_does_not_validate_is_400(dojo_host, validator):
    [response] = send(validator, (dojo_host.url, Misspelt(message=5)), **ONE_ATTEMPT)
    assert refusal(response) == 400


def test_a_handlers_http_error_keeps_its_status(dojo_host, validator):
    [response] = send(validator, (dojo_host.url, models.Fail(how="http")), **ONE_ATTEMPT)
    assert refusal(response) == 418


def test_a_failing_handler_is_an_error_that_is_not_tried_again(start_host, validator):
    host = start_host()
    [response] = send(
        validator, (host.url, models.Fail(how="exception")), enable_preflight=False, max_retries=3
    )
    assert response.exception is None
    request_id = response.client_response.headers["x-request-id"]
    assert response.error == f"Internal server error (request {request_id})"
    assert host.stop() == {"internal": 1}


def test_a_handler_that_returns_nothing_is_an_empty_body(dojo_host, validator):
    [response] = send(validator, (dojo_host.url, models.Fail(how="nothing")))
    assert no_trouble(response).body.model_fields_set == set()


def test_answers_larger_than_requests_arrive(dojo_host, validator):
    [response] = send(validator, (dojo_host.url, models.Big(bytes=8 << 20)))
    assert no_trouble(response).body.filled == "x" * (8 << 20)


def test_a_caller_is_named_once_for_the_legacy_dialect(start_host, validator):
    host = start_host()
    send(validator, *[(host.url, models.Echo(message="hi"))] * 3)
    assert host.stop() == {"ok": 6}
    assert host.log().count("signs the legacy dialect") == 1


def test_it_cannot_call_where_legacy_is_turned_off(start_host, validator):
    host = start_host('[auth]\ndialects = ["dojo/1"]\n')
    [response] = send(validator, (host.url, models.Echo(message="hi")), **ONE_ATTEMPT)
    assert refusal(response) == 400
    assert host.stop() == {"malformed": 1}
