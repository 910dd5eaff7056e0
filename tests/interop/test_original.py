"""What the published package does: the facts that docs/wire.md rests on. When one of these fails, the original
has changed, and so may what a drop-in replacement for it has to do."""

import json

import pytest
import zstandard

from curl import Background, curl, zstd, zstd_sized
from keys import Key, headers_for, legacy, legacy_message

ZSTD = {"content-encoding": "zstd"}


def post(server, headers, path="/Echo", body=b'{"message": "hi"}', **more):
    return curl(server.url + path, headers, body, **more)


def test_it_answers_the_envelope(python_server, validator):
    answer = post(python_server, legacy(validator))
    assert answer.status == 200
    assert answer.json == {"body": {"message": "hi"}, "error": None, "metadata": {}}


def test_it_decodes_frames_with_content_size_alone(python_server, validator):
    assert post(python_server, legacy(validator) | ZSTD, body=zstd_sized(b'{"message": "hi"}')).status == 200
    assert post(python_server, legacy(validator) | ZSTD, body=zstd(b'{"message": "hi"}')).status == 400


def test_2067_bytes_can_hold_64_mib():
    assert len(zstandard.ZstdCompressor(level=3).compress(bytes(64 << 20))) == 2067


@pytest.mark.parametrize("path", ["/Echo", "/Nothing"])
def test_missing_headers_are_refused_first(python_server, path):
    answer = post(python_server, {}, path)
    assert answer.status == 400
    assert "missing" in answer.json["error"]


def test_a_wrong_signature_is_403(python_server, validator):
    signature = Key("stranger").sign(legacy_message(validator.address))
    answer = post(python_server, legacy(validator, signature=signature))
    assert answer.status == 403
    assert answer.json["error"] == "Forbidden due to invalid signature"


def test_a_malformed_signature_keeps_it_busy(start_gateway, start_python_server, validator):
    server = start_python_server(start_gateway(validator))
    call = Background(post, server, legacy(validator, signature="0x00"), flags=["--max-time", "3"])
    with pytest.raises(AssertionError, match="timed out"):
        call.result()
    server.popen.kill()  # it would go on for a minute


def test_replays_are_accepted(python_server, validator):
    headers = legacy(validator)
    assert [post(python_server, headers).status for _ in range(2)] == [200, 200]


def test_unknown_paths_and_methods_are_no_envelopes(python_server, validator):
    assert post(python_server, legacy(validator), "/Nothing").json == {"detail": "Not Found"}
    answer = post(python_server, legacy(validator), method="PUT")
    assert (answer.status, answer.json) == (405, {"detail": "Method Not Allowed"})


def test_what_does_not_validate_is_echoed(python_server, validator):
    answer = post(python_server, legacy(validator), body=b'{"secret": 1}')
    assert answer.status == 400
    assert answer.json["body"] == {"secret": 1}
    assert post(python_server, legacy(validator), body=b"[[[").status == 400
    assert post(python_server, legacy(validator), body=b"").status == 400


def test_a_byte_order_mark_is_no_json(python_server, validator):
    answer = post(python_server, legacy(validator), body=b'\xef\xbb\xbf{"message": "hi"}')
    assert answer.status == 400
    assert answer.json["error"].startswith("Invalid JSON")


def test_a_handlers_http_error_keeps_its_status(python_server, validator):
    answer = post(python_server, legacy(validator), "/Teapot", b"{}")
    assert (answer.status, answer.json["error"]) == (418, "teapot")


def test_a_handlers_other_error_leaks(python_server, validator):
    answer = post(python_server, legacy(validator), "/Raises", b"{}")
    assert (answer.status, answer.json["error"]) == (200, "Internal server error: what only the log should know")


def test_a_handler_that_returns_nothing_answers_null(python_server, validator):
    answer = post(python_server, legacy(validator), "/Silent", b"{}")
    assert answer.status == 200
    assert json.loads(answer.body)["body"] is None


def test_any_text_may_be_signed(python_server, validator):
    assert post(python_server, headers_for(validator, "whatever")).status == 200
