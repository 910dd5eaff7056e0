"""Tables for people, on the terminal and in docs/benchmarks/peers.md."""

import re
from statistics import median

from .machine import sentences
from .rounds import ratios

HEADS = {  # figure: its column, digits
    "cpu_ms": ("CPU ms/answer", 3),
    "per_s": ("answers/s", 0),
    "p50_us": ("p50 µs", 0),
    "few_per_s": ("answers/s, few", 0),
    "many_per_s": ("answers/s, many", 0),
    "scaling": ("many / few", 2),
    "rate": ("asked/s", 0),
    "p99_us": ("p99 µs", 0),
    "tail": ("p99 / p50", 1),
}
BEGIN, END = "<!-- figures: written by ./bench.sh --peers --write -->\n", "<!-- end of figures -->\n"


def three(values, digits):
    return " / ".join(f"{value:,.{digits}f}" for value in (min(values), median(values), max(values)))


def head(figures):
    names = [HEADS[figure][0] for figure in figures] + (["× dojo-host's CPU"] if "cpu_ms" in figures else [])
    return f"| {'case':36} | {'server':22} | {' | '.join(names)} |\n| --- | --- |{' ---: |' * len(names)}"


def lines(case, figures):
    """A case's rows."""
    ours = case["servers"]["dojo-host"]
    for name, seen in case["servers"].items():
        cells = [three(seen[figure], HEADS[figure][1]) if figure in seen else "" for figure in figures]
        if "cpu_ms" in figures:
            cells.append(three(ratios(seen["cpu_ms"], ours["cpu_ms"]), 2) if seen is not ours else "")
        yield f"| {case['title']:36} | {name:22} | {' | '.join(f'{cell:>23}' for cell in cells)} |"


def tables(result):
    """Markdown; cases with the same figures share a table."""
    last = None
    for case in result["cases"]:
        if case["figures"] != last:
            yield ("\n" if last else "") + head(case["figures"])
            last = case["figures"]
        yield from lines(case, last)


def figures(result):
    """All that docs/benchmarks/peers.md tells of a run."""
    yield from sentences(result["machine"])
    yield f"\nEach figure: min / median / max of {result['rounds']} rounds.\n"
    yield from tables(result)
    yield "\n![CPU per answer, times dojo-host's](cpu.svg)\n\n![answers a second, 1 KB](answers.svg)"


def write(path, result):
    """Puts a run's figures where those of the last one stand."""
    text = path.read_text()
    found = re.search(re.escape(BEGIN) + ".*?" + re.escape(END), text, re.DOTALL)
    assert found, f"{path}: the line {BEGIN.strip()} is missing"
    path.write_text(text[: found.start()] + BEGIN + "\n".join(figures(result)) + "\n" + END + text[found.end() :])
