"""Whether what holds today still does: floors.json, judged by ranks over the rounds."""

import json
from pathlib import Path
from statistics import median

from ranks import at_most

from .rounds import ratios


def floors():
    return json.loads((Path(__file__).parent / "floors.json").read_text())


def judge(floor, servers):
    """(holds, the median ratio); None for both if this run has not measured it."""
    try:
        of, over = (servers[server][figure] for server, figure in (floor["of"], floor["over"]))
    except KeyError:
        return None, None
    holds = at_most(over, of, 1 / floor["least"]) if "least" in floor else at_most(of, over, floor["most"])
    return holds, median(ratios(of, over))


def check(result):
    """Prints a line for each. False if one is broken."""
    cases = {case["title"]: case["servers"] for case in result["cases"]}
    whole = True
    for floor in floors():
        holds, ratio = judge(floor, cases.get(floor["case"], {}))
        if holds is None:
            continue
        whole &= holds
        bound = f"at least {floor['least']}" if "least" in floor else f"at most {floor['most']}"
        what = f"{' '.join(floor['of'])} / {' '.join(floor['over'])}"
        print(f"{'ok' if holds else 'BROKEN':7} {floor['case']}: {what}: {ratio:.2f}, {bound}: {floor['why']}")
    return whole
