"""The status table of docs/wire.md, row by row, through curl and the zstd command: HTTP status, x-dojo-code, envelope,
content type, compression. Each row is asked for plain and for zstd."""

import os
import socket

import pytest
import zstandard

from curl import Background, check, curl, unzstd, zstd, zstd_sized
from keys import Key, dojo1, dojo1_message, headers_for, legacy, legacy_message, now_ms, ss58
from processes import wait_until

HI = b'{"message":"hi"}'
HI_MODEL = {"message": "hi"}
ZSTD = {"content-encoding": "zstd"}


@pytest.fixture(params=[False, True], ids=["plain", "zstd"])
def ask(request):
    """ask(host, headers, …): curl, and check() of what came back. Wants the answer as zstd if so parametrized."""
    accept = {"accept-encoding": "zstd"} if request.param else {}

    def ask(host, headers, status, code, error=None, body=None, *, path="/Echo", sent=HI, **curl_options):
        answer = curl(host.url + path, {**accept, **headers}, sent, **curl_options)
        answer.envelope = check(answer, status, code, error, body, compressed=request.param)
        return answer

    return ask


# --- headers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["x-hotkey", "x-message", "x-signature", "all"])
@pytest.mark.parametrize("path", ["/Echo", "/Nothing"])
def test_a_missing_header_is_400_also_on_unknown_paths(ask, dojo_host, validator, path, missing):
    headers = legacy(validator)
    for name in [missing] if missing != "all" else list(headers):
        headers.pop(name)
    ask(dojo_host, headers, 400, "unsigned", "Bad Request, missing headers", path=path)


@pytest.mark.parametrize("name", ["x-hotkey", "x-message", "x-signature"])
def test_an_empty_header_is_a_missing_one(ask, dojo_host, validator, name):
    ask(dojo_host, legacy(validator) | {name: ""}, 400, "unsigned", "missing")


@pytest.mark.parametrize(
    "name, value, error",
    [
        ("x-signature", "0x" + "zz" * 64, "x-signature"),
        ("x-signature", "0x" + "00" * 63, "x-signature"),
        ("x-signature", "0x" + "00" * 66, "x-signature"),
        ("x-signature", "00" * 64, "x-signature"),
        ("x-signature", "0x02" + "00" * 64, "x-signature"),
        ("x-hotkey", "nobody", "x-hotkey"),
        ("x-hotkey", "5HB7kpn92RS7uF9uWn8bXSvPVKFPg8kPUFDd5sbveGjX6Dbj", "checksum"),
        ("x-hotkey", "5" * 300, "x-hotkey"),
        ("x-message", "dojo/1 POST /Echo", "dojo/1"),
        ("x-message", "dojo/1 POST /Echo to=* ts=1 nonce=xx body=yy", "dojo/1"),
    ],
)
def test_what_is_not_well_formed_is_400_at_once(ask, dojo_host, validator, name, value, error):
    ask(dojo_host, legacy(validator) | {name: value}, 400, "malformed", error)


def test_a_wrong_signature_is_403(ask, dojo_host, validator):
    signature = Key("stranger").sign(legacy_message(validator.address))
    ask(dojo_host, legacy(validator, signature=signature), 403, "bad-signature", "Forbidden due to invalid signature")


def test_header_names_have_no_case(ask, dojo_host, validator):
    headers = {name.upper(): value for name, value in legacy(validator).items()}
    ask(dojo_host, headers, 200, "ok", body=HI_MODEL)


# --- keys and signatures -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["sr25519", "ed25519"])
@pytest.mark.parametrize("form", ["64 bytes", "65 bytes", "<Bytes>", "prefix 0", "prefix 2"])
def test_signatures_of_every_form_are_accepted(ask, dojo_host, scheme, form):
    key = Key(os.urandom(8).hex(), scheme)  # ed25519 signs one text in one way: a key is good for one legacy call
    message = legacy_message(key.address)
    signed = f"<Bytes>{message}</Bytes>" if form == "<Bytes>" else message
    signature = key.sign(signed)
    if form == "65 bytes":
        signature = bytes([{"ed25519": 0, "sr25519": 1}[scheme]]) + signature
    address = ss58(key.public, int(form[-1])) if form.startswith("prefix") else None
    ask(dojo_host, headers_for(key, message, signature, address), 200, "ok", body=HI_MODEL)


def test_an_ed25519_caller_may_sign_its_one_legacy_text_once(ask, dojo_host):
    key = Key(os.urandom(8).hex(), "ed25519")
    ask(dojo_host, legacy(key), 200, "ok", body=HI_MODEL)
    ask(dojo_host, legacy(key), 403, "replayed", "sent before")


TEXTS_OF_OTHERS = ["whatever", "très bien ✓", legacy_message(Key("stranger").address)]


@pytest.mark.parametrize("text", TEXTS_OF_OTHERS)
def test_what_a_hotkey_has_signed_for_something_else_proves_no_request(ask, dojo_host, validator, text):
    ask(dojo_host, headers_for(validator, text), 400, "malformed", "x-message: the legacy dialect's text is")


@pytest.mark.parametrize("text", TEXTS_OF_OTHERS)
def test_it_does_where_the_operator_wants_that(ask, start_host, validator, text):
    host = start_host('[auth]\nlegacy_text = "any"\n')
    ask(host, headers_for(validator, text), 200, "ok", body=HI_MODEL)
    assert "auth.legacy_text" in host.log()


def test_a_scheme_byte_that_does_not_agree_is_not_well_formed(ask, dojo_host, validator):
    signature = b"\0" + validator.sign(legacy_message(validator.address))
    ask(dojo_host, legacy(validator, signature=signature), 400, "malformed", "x-signature")


def test_a_prefix_is_no_way_around_the_deny_list(ask, start_host, validator):
    host = start_host(f'[access]\ndeny = ["{ss58(validator.public, 2)}"]\n')
    ask(host, legacy(validator), 200, "blacklisted", "Blacklisted: ")
    ask(host, legacy(validator, address=ss58(validator.public, 0)), 200, "blacklisted", "Blacklisted: ")
    ask(host, legacy(Key("another")), 200, "ok", body=HI_MODEL)


# --- legacy ------------------------------------------------------------------------------------------------------


def test_a_legacy_signature_counts_once(ask, dojo_host, validator):
    headers = legacy(validator)
    ask(dojo_host, headers, 200, "ok", body=HI_MODEL)
    ask(dojo_host, headers, 403, "replayed", "sent before")
    with_scheme = headers | {"x-signature": "0x01" + headers["x-signature"][2:].upper()}
    ask(dojo_host, with_scheme, 403, "replayed", "sent before")
    ask(dojo_host, legacy(validator), 200, "ok", body=HI_MODEL)


def test_a_preflight_uses_its_signature_up(ask, dojo_host, validator):
    headers = legacy(validator)
    assert curl(dojo_host.url + "/Echo", headers, method="HEAD").status == 200
    ask(dojo_host, headers, 403, "replayed", "sent before")


def test_legacy_can_be_turned_off(ask, start_host, validator):
    host = start_host('[auth]\ndialects = ["dojo/1"]\n')
    ask(host, legacy(validator), 400, "malformed", "legacy dialect is turned off")
    ask(host, dojo1(validator, host.hotkey, body=HI), 200, "ok", body=HI_MODEL)


def test_dojo1_can_be_turned_off(ask, start_host, validator):
    host = start_host('[auth]\ndialects = ["legacy"]\n')
    ask(host, dojo1(validator, host.hotkey, body=HI), 400, "malformed", "dojo/1 is turned off")
    ask(host, legacy(validator), 200, "ok", body=HI_MODEL)


# --- dojo/1 ------------------------------------------------------------------------------------------------------


def test_dojo1_is_answered(ask, dojo_host, validator):
    ask(dojo_host, dojo1(validator, dojo_host.hotkey, body=HI), 200, "ok", body=HI_MODEL)


def test_dojo1_signs_the_bytes_as_sent(ask, dojo_host, validator):
    frame = zstd_sized(HI)
    ask(dojo_host, dojo1(validator, dojo_host.hotkey, body=frame) | ZSTD, 200, "ok", body=HI_MODEL, sent=frame)
    headers = dojo1(validator, dojo_host.hotkey, body=HI) | ZSTD
    ask(dojo_host, headers, 403, "bad-signature", "body", sent=frame)


def test_dojo1_signs_the_path_without_query(ask, dojo_host, validator):
    headers = dojo1(validator, dojo_host.hotkey, body=HI)
    ask(dojo_host, headers, 200, "ok", body=HI_MODEL, path="/Echo?trace=1")


def test_dojo1_of_an_ed25519_key_is_answered(ask, dojo_host):
    ask(dojo_host, dojo1(Key("ed", "ed25519"), dojo_host.hotkey, body=HI), 200, "ok", body=HI_MODEL)


@pytest.mark.parametrize(
    "fields, code",
    [
        ({"method": "HEAD"}, "wrong-receiver"),
        ({"path": "/ScoreRequest"}, "wrong-receiver"),
        ({"to": Key("another miner").address}, "wrong-receiver"),
        ({"to": "*"}, "wrong-receiver"),
        ({"body": b'{"message":"ho"}'}, "bad-signature"),
        ({"body": b""}, "bad-signature"),
    ],
    ids=str,
)
def test_dojo1_for_something_else_is_403(ask, dojo_host, validator, fields, code):
    fields = {"to": dojo_host.hotkey, "body": HI, **fields}
    ask(dojo_host, dojo1(validator, **fields), 403, code, "Forbidden")


def test_dojo1_changed_after_signing_is_403(ask, dojo_host, validator):
    message = dojo1_message(dojo_host.hotkey, body=HI)
    later = dojo1_message(dojo_host.hotkey, body=HI)
    headers = headers_for(validator, later, signature=validator.sign(message))
    ask(dojo_host, headers, 403, "bad-signature", "invalid signature")


def test_dojo1_of_the_future_is_403(ask, dojo_host, validator):
    headers = dojo1(validator, dojo_host.hotkey, body=HI, ts=now_ms() + 60_000)
    ask(dojo_host, headers, 403, "stale", "ahead of ours")


def test_dojo1_of_the_past_is_403(ask, start_host, validator):
    host = start_host("[auth]\nwindow_ms = 100\n")
    headers = dojo1(validator, host.hotkey, body=HI)
    wait_until(lambda ts=now_ms(): now_ms() - ts > 150, "the end of the window")
    ask(host, headers, 403, "stale", "behind ours")


def test_dojo1_from_before_the_start_is_403(ask, start_host, validator):
    earlier = start_host()
    identity = earlier.config.parent / "state/identity.json"
    earlier.stop()
    before = now_ms() - 1
    host = start_host(f'wallet = "{identity}"\n')  # known before, and nothing is known of what it saw
    ask(host, dojo1(validator, host.hotkey, body=HI, ts=before), 403, "stale", "before this host started")


def test_a_nonce_counts_once(ask, dojo_host, validator):
    message = dojo1_message(dojo_host.hotkey, body=HI)
    ask(dojo_host, headers_for(validator, message), 200, "ok", body=HI_MODEL)
    ask(dojo_host, headers_for(validator, message), 403, "replayed", "sent before")  # signed anew


def test_a_forger_cannot_use_up_a_nonce(ask, dojo_host, validator):
    message = dojo1_message(dojo_host.hotkey, body=HI)
    forged = headers_for(validator, message, signature=Key("stranger").sign(message))
    ask(dojo_host, forged, 403, "bad-signature", "invalid signature")
    nonce = message.split("nonce=")[1][:32]
    ask(dojo_host, dojo1(Key("stranger"), dojo_host.hotkey, nonce=nonce, body=HI), 200, "ok", body=HI_MODEL)
    ask(dojo_host, headers_for(validator, message), 200, "ok", body=HI_MODEL)


def test_any_receiver_is_accepted_where_configured(ask, start_host, validator):
    host = start_host("[auth]\nany_receiver = true\n")
    ask(host, dojo1(validator, "*", body=HI), 200, "ok", body=HI_MODEL)
    another = Key("another miner").address
    ask(host, dojo1(validator, another, body=HI), 403, "wrong-receiver", "Forbidden")


# --- routes and methods ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/Nothing", "/", "/echo", "/Echo/", "/Echo/more", "//Echo"])
def test_an_unknown_path_is_404(ask, dojo_host, validator, path):
    ask(dojo_host, legacy(validator), 404, "not-found", "Not Found", path=path, flags=["--path-as-is"])


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_another_method_is_405(ask, dojo_host, validator, method):
    answer = ask(dojo_host, legacy(validator), 405, "not-found", "Method Not Allowed", method=method)
    assert answer.headers["allow"] == "POST, HEAD"


HEAD_ROWS = {
    "legacy": (lambda host, key: legacy(key), 200, "ok"),
    "dojo/1": (lambda host, key: dojo1(key, host.hotkey, method="HEAD"), 200, "ok"),
    "unsigned": (lambda host, key: {}, 400, "unsigned"),
    "malformed": (lambda host, key: legacy(key, signature="0x00"), 400, "malformed"),
    "bad signature": (lambda host, key: legacy(key, signature=key.sign("else")), 403, "bad-signature"),
    "signed for POST": (lambda host, key: dojo1(key, host.hotkey), 403, "wrong-receiver"),
}


@pytest.mark.parametrize("row", HEAD_ROWS)
def test_head_answers_as_post_would_without_a_body(dojo_host, validator, row):
    headers, status, code = HEAD_ROWS[row]
    answer = curl(dojo_host.url + "/Echo", headers(dojo_host, validator), method="HEAD")
    assert (answer.status, answer.code) == (status, code)
    assert answer.headers["content-type"] == "application/json"
    assert "content-encoding" not in answer.headers


def test_head_of_an_unknown_path_is_404(dojo_host, validator):
    answer = curl(dojo_host.url + "/Nothing", legacy(validator), method="HEAD")
    assert (answer.status, answer.code) == (404, "not-found")


def test_head_of_a_blacklisted_caller_is_200(start_host, validator):
    host = start_host(f'[access]\ndeny = ["{validator.address}"]\n')
    answer = curl(host.url + "/Echo", legacy(validator), method="HEAD")
    assert (answer.status, answer.code) == (200, "blacklisted")


# --- bodies ------------------------------------------------------------------------------------------------------


def test_a_body_that_takes_many_times_its_size_to_read_is_413(ask, dojo_host, validator):
    bomb = b'{"prompt":"a","completions":[' + b'"",' * 5_500_000 + b'""]}'
    ask(dojo_host, legacy(validator) | ZSTD, 413, "too-large", "completions: has more members", sent=zstd(bomb), path="/ScoreRequest")


@pytest.mark.parametrize(
    "sent",
    [b"", b" ", b"[[[", b"null", b"5", b"[]", b'{"message":"hi"', b'{"message":"hi"} more', b'{"message":"\xff"}', b'\xef\xbb\xbf{"message":"hi"}'],
)
def test_what_is_no_json_object_is_400(ask, dojo_host, validator, sent):
    ask(dojo_host, legacy(validator), 400, "invalid-body", "Invalid Echo", sent=sent)


@pytest.mark.parametrize("sent", [b"{}", b'{"message":5}', b'{"message":null}', b'{"message":["SECRET"]}'])
def test_what_does_not_validate_names_the_field_and_echoes_nothing(ask, dojo_host, validator, sent):
    answer = ask(dojo_host, legacy(validator), 400, "invalid-body", "message", sent=sent)
    assert "SECRET" not in str(answer.envelope)


def test_1000_levels_are_400(ask, dojo_host, validator):
    for sent in (b'{"message":' + b"[" * 1000 + b"]" * 1000 + b"}", b"[" * 1000 + b"]" * 1000, b"[" * 1000):
        ask(dojo_host, legacy(validator), 400, "invalid-body", "Invalid Echo", sent=sent)


def test_1000_levels_in_a_field_nobody_reads_do_no_harm(ask, dojo_host, validator):
    sent = b'{"message":"hi","other":' + b"[" * 1000 + b"]" * 1000 + b"}"
    answer = curl(dojo_host.url + "/Echo", legacy(validator), sent)
    assert answer.status in (200, 400)
    ask(dojo_host, legacy(validator), 200, "ok", body=HI_MODEL)


@pytest.mark.parametrize("value", ["zstd", "ZSTD"])
@pytest.mark.parametrize(
    "frame",
    [
        zstd_sized(HI),
        zstd(HI),
        zstd_sized(HI[:7]) + zstd(HI[7:]),
        zstd(HI, "--check"),
        zstd(b"") + zstd(HI),
        zstd(HI, "-19"),
    ],
    ids=["sized", "unsized", "several", "checksum", "empty first", "level 19"],
)
def test_frames_of_every_form_are_read(ask, dojo_host, validator, frame, value):
    headers = legacy(validator) | {"content-encoding": value}
    ask(dojo_host, headers, 200, "ok", body=HI_MODEL, sent=frame)


def with_dictionary():
    samples = [b'{"message":"%d and %d"}' % (i, i * i) for i in range(2000)]
    dictionary = zstandard.train_dictionary(1024, samples)
    return zstandard.ZstdCompressor(dict_data=dictionary).compress(HI)


@pytest.mark.parametrize(
    "frame, error",
    [
        (HI, "no frame begins"),
        (b"", "cut short"),
        (zstd(HI)[:-1], "cut short"),
        (zstd(HI) + b"more", "no frame begins"),
        (zstd(HI, "--long=27"), "window"),
        (with_dictionary(), "names a dictionary"),
    ],
    ids=["plain", "empty", "cut", "trailing", "window of 128 MiB", "dictionary"],
)
def test_what_is_not_zstd_is_400(ask, dojo_host, validator, frame, error):
    answer = ask(dojo_host, legacy(validator) | ZSTD, 400, "invalid-body", error, sent=frame)
    assert "zstd" in answer.envelope["error"]


@pytest.mark.parametrize("value", ["gzip", "zstd, zstd", "gzip, zstd", "br"])
def test_another_coding_is_415(ask, dojo_host, validator, value):
    headers = legacy(validator) | {"content-encoding": value}
    ask(dojo_host, headers, 415, "invalid-body", "Unsupported Media Type")


def test_a_body_over_the_budget_is_413(ask, start_host, validator):
    host = start_host("[http]\nmax_body_bytes = 1000\n")
    fits = b'{"message":"%s"}' % (b"x" * 986)
    assert len(fits) == 1000
    ask(host, legacy(validator), 200, "ok", body={"message": "x" * 986}, sent=fits)
    # This one is refused while its headers are read, before what it accepts has been believed.
    answer = curl(host.url + "/Echo", legacy(validator), fits + b" ")
    check(answer, 413, "too-large", "")


BOMB = zstd_sized(bytes(64 << 20))
UNSIZED_BOMB = zstd(bytes(64 << 20))


@pytest.mark.parametrize("bomb", [BOMB, UNSIZED_BOMB, zstd(HI) + BOMB], ids=["sized", "unsized", "second"])
def test_a_bomb_is_413(ask, dojo_host, validator, bomb):
    assert len(bomb) < 10_000
    assert len(unzstd(bomb)) >= 64 << 20
    ask(dojo_host, legacy(validator) | ZSTD, 413, "too-large", "zstd", sent=bomb)


def test_bombs_cost_no_more_than_the_budget(start_host, validator):
    host = start_host("[dispatch]\nworkers = 2\n[compression]\nmax_body_bytes = 1_000_000\n")
    check(curl(host.url + "/Echo", legacy(validator), HI), 200, "ok", body=HI_MODEL)
    before = host.peak_memory()
    calls = [Background(curl, host.url + "/Echo", legacy(validator) | ZSTD, bomb) for bomb in [BOMB, UNSIZED_BOMB] * 4]
    for call in calls:
        check(call.result(), 413, "too-large", "zstd")
    assert host.peak_memory() - before < 48 << 20


# --- handlers ----------------------------------------------------------------------------------------------------


def test_a_handlers_http_error_keeps_status_and_text(ask, dojo_host, validator):
    answer = ask(dojo_host, legacy(validator), 418, "handler", "teapot", path="/Fail", sent=b'{"how":"http"}')
    assert answer.envelope["error"] == "teapot"


@pytest.mark.parametrize("how", ["exception", "no-exception"])
def test_another_failure_is_told_to_the_log_alone(ask, dojo_host, validator, how):
    sent = b'{"how":"%s"}' % how.encode()
    answer = ask(dojo_host, legacy(validator), 200, "internal", "Internal", path="/Fail", sent=sent)
    request_id = answer.headers["x-request-id"]
    assert answer.envelope["error"] == f"Internal server error (request {request_id})"
    dojo_host.wait_for_log(f"handler failed request={request_id} ")
    if how == "exception":
        assert "what only the log may know" in dojo_host.log()


def test_a_handler_that_returns_nothing_answers_an_empty_body(ask, dojo_host, validator):
    ask(dojo_host, legacy(validator), 200, "ok", path="/Fail", sent=b'{"how":"nothing"}')


def test_metadata_of_a_handler_arrives(ask, dojo_host, validator):
    sent = b'{"prompt":"a fox","completions":["no","a fox"]}'
    answer = curl(dojo_host.url + "/ScoreRequest", legacy(validator), sent)
    assert answer.json["metadata"] == {"measure": "cosine of word counts", "best": 1}


# --- time and load -----------------------------------------------------------------------------------------------


def test_a_passed_deadline_is_504_for_what_runs_and_what_waits(ask, start_host, validator):
    host = start_host("[dispatch]\nworkers = 1\ndeadline_ms = 300\n")
    slow = {"path": "/Slow", "sent": b'{"ms":30000}'}
    first = Background(ask, host, legacy(validator), 504, "deadline", "Gateway Timeout", **slow)
    host.wait_for_log("slow began")
    ask(host, legacy(validator), 504, "deadline", "Gateway Timeout", **slow)
    first.result()
    assert host.stop() == {"deadline": 2}


def test_a_full_queue_is_503(ask, start_host, validator):
    host = start_host("[dispatch]\nworkers = 1\nqueue = 1\n")
    running = Background(curl, host.url + "/Slow", legacy(validator), b'{"ms":1500}')
    host.wait_for_log("slow began")
    calls = [Background(curl, host.url + "/Fail", legacy(validator), b'{"how":"nothing"}') for _ in range(5)]
    answers = sorted((call.result() for call in calls), key=lambda answer: answer.status)
    assert [answer.status for answer in answers] == [200, 503, 503, 503, 503]  # one waits, the others cannot
    check(answers[0], 200, "ok", body={})
    for answer in answers[1:]:
        check(answer, 503, "overloaded", "too many requests")
        assert int(answer.headers["retry-after"]) >= 1
    check(running.result(), 200, "ok", body={"ms": 1500})
    ask(host, legacy(validator), 200, "ok", body=HI_MODEL)  # another plugin's queue is its own


def test_a_full_queue_of_one_plugin_is_no_others_concern(ask, start_host, validator):
    host = start_host("[dispatch]\nworkers = 1\nqueue = 1\n")
    running = Background(curl, host.url + "/Slow", legacy(validator), b'{"ms":1500}')
    host.wait_for_log("slow began")
    for _ in range(5):
        ask(host, legacy(validator), 200, "ok", body=HI_MODEL)
    check(running.result(), 200, "ok", body={"ms": 1500})


def test_draining_refuses_the_new_and_answers_the_old(ask, start_host, validator):
    host = start_host()
    running = Background(curl, host.url + "/Slow", legacy(validator), b'{"ms":1500}')
    host.wait_for_log("slow began")
    host.signal()
    host.wait_for_log("draining")
    ask(host, legacy(validator), 503, "draining", "going down")
    check(running.result(), 200, "ok", body={"ms": 1500})
    assert host.stop() == {"ok": 1, "draining": 1}


def test_draining_refuses_a_preflight_too(start_host, validator):
    host = start_host()
    running = Background(curl, host.url + "/Slow", legacy(validator), b'{"ms":1000}')
    host.wait_for_log("slow began")
    host.signal()
    host.wait_for_log("draining")
    answer = curl(host.url + "/Echo", legacy(validator), method="HEAD")
    running.result()
    assert (answer.status, answer.code) == (503, "draining")


def test_a_drain_that_takes_too_long_cancels_what_is_left(start_host, validator):
    host = start_host("[dispatch]\ndrain_ms = 200\n")
    running = Background(curl, host.url + "/Slow", legacy(validator), b'{"ms":30000}', flags=["--retry", "0"])
    host.wait_for_log("slow began")
    host.stop(code=1)
    assert "the drain limit has passed" in host.log()
    check(running.result(), 200, "ok", body={"ms": 30000})  # its handler has seen that it is cancelled


# --- answers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 400])
def test_a_request_id_is_echoed(ask, dojo_host, validator, status):
    sent = HI if status == 200 else b"{}"
    expected = (200, "ok", None, HI_MODEL) if status == 200 else (400, "invalid-body", "")
    headers = legacy(validator) | {"x-request-id": "Trace-1.2:3_4"}
    assert ask(dojo_host, headers, *expected, sent=sent).headers["x-request-id"] == "Trace-1.2:3_4"


def test_a_request_id_is_made_where_there_is_none_that_can_be_logged(ask, dojo_host, validator):
    made = set()
    for given in ({}, {"x-request-id": ""}, {"x-request-id": "a b"}, {"x-request-id": "x" * 65}):
        answer = ask(dojo_host, legacy(validator) | given, 200, "ok", body=HI_MODEL)
        made.add(answer.headers["x-request-id"])
    assert len(made) == 4 and not made & {"a b", "x" * 65}


@pytest.mark.parametrize(
    "accept, compressed",
    [
        ("zstd", True),
        ("gzip, ZSTD;q=0.5", True),
        ("gzip;q=1.0,zstd", True),
        ("zstd;q=0", False),
        ("zstd; q=0.000, gzip", False),
        ("gzip, deflate, br", False),
        ("zstdx", False),
        ("", False),
    ],
)
def test_answers_are_compressed_for_those_who_accept_it(dojo_host, validator, accept, compressed):
    answer = curl(dojo_host.url + "/Echo", legacy(validator) | {"accept-encoding": accept}, HI)
    check(answer, 200, "ok", body=HI_MODEL, compressed=compressed)
    answer = curl(dojo_host.url + "/Echo", {"accept-encoding": accept}, HI)
    check(answer, 400, "unsigned", "missing", compressed=compressed)


def test_an_answer_of_megabytes_is_whole(ask, dojo_host, validator):
    body = {"bytes": 5_000_000, "filled": "x" * 5_000_000}
    ask(dojo_host, legacy(validator), 200, "ok", body=body, path="/Big", sent=b'{"bytes":5000000}')


def test_what_is_no_http_is_answered_with_an_envelope_too(dojo_host):
    with socket.create_connection(("127.0.0.1", dojo_host.port), timeout=10) as peer:
        peer.sendall(b"POST /Echo HTTP/1.1\r\nContent-Length: x\r\n\r\n")
        raw = b"".join(iter(lambda: peer.recv(65536), b""))
    head, _, body = raw.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"x-dojo-code: malformed" in head
    assert body.startswith(b'{"body":{},"error":"')


def test_nothing_of_this_grew_the_files_that_outlive_the_host(dojo_host):
    assert sorted(os.listdir(dojo_host.config.parent / "state")) == [
        "access", "control", "control.lock", "identity.json", "plugins"
    ]
