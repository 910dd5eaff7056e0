"""The cases of tests/conformance/btauth, held to the published verifiers. Where one has another verdict than we have, its
case says which, and why; each of these has to be true too, so that nothing goes on being said that has been mended."""

import json
from pathlib import Path

import pytest

from btauth_verdicts import PEERS, verdict_of

FOLDER = Path(__file__).parents[1] / "conformance" / "btauth"
CASES = [(path.stem, case) for path in sorted(FOLDER.glob("*.json")) for case in json.loads(path.read_text())["cases"]]


def test_there_are_cases_of_every_kind():
    assert len(CASES) >= 120
    verdicts = {case["verdict"] for _, case in CASES}
    assert verdicts == {"ok", "unsigned", "malformed", "wrong-receiver", "stale", "replayed", "bad-signature"}


@pytest.mark.parametrize("peer", PEERS)
def test_it_agrees_or_is_known_not_to(peer):
    wrong = []
    for file, case in CASES:
        known = case["differs"].get(peer, {})
        # They know no word for a header that is missing.
        expected = known.get("verdict", "malformed" if case["verdict"] == "unsigned" else case["verdict"])
        found = verdict_of(peer, case)
        if found != expected or (known and not known["why"]):
            wrong.append((file, case["name"], found, expected))
    assert not wrong


def test_nothing_that_we_take_is_refused_by_another_but_for_want_of_a_receiver():
    for file, case in CASES:
        if case["verdict"] == "ok" and case["require_receiver"]:
            assert not case["differs"], (file, case["name"])
