"""Plots of a run, as SVG that reads well on light and on dark paper."""

from html import escape
from math import floor, log10
from statistics import median

from .rounds import ratios

LEFT, WIDTH, RIGHT, ROW, TOP = 390, 420, 80, 20, 46
STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #1f2328 } .dim { fill: #656d76 } .right { text-anchor: end }
  .middle { text-anchor: middle } .title { font-size: 14px; font-weight: 600 }
  .grid { stroke: #d0d7de } .one { stroke: #656d76; stroke-dasharray: 4 3 } .span { stroke-width: 4; stroke-linecap: round; opacity: .35 }
  .ours { stroke: #0969da; fill: #0969da } .theirs { stroke: #bc4c00; fill: #bc4c00 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .dim { fill: #8d96a0 } .grid { stroke: #3d444d } .one { stroke: #8d96a0 }
    .ours { stroke: #4493f8; fill: #4493f8 } .theirs { stroke: #f0883e; fill: #f0883e }
  }"""


def short(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


class Axis:
    """Logarithmic, from a power of ten to another."""

    def __init__(self, values):
        self.first = floor(log10(min(values)))
        self.last = floor(log10(max(values))) + 1

    def __call__(self, value):
        return LEFT + WIDTH * (log10(value) - self.first) / (self.last - self.first)

    def ticks(self):
        return [10.0**power for power in range(self.first, self.last + 1)]


def row(axis, y, label, values, kind):
    low, middle, high = axis(min(values)), axis(median(values)), axis(max(values))
    yield f'<text class="right" x="{LEFT - 14}" y="{y + 4}">{escape(label)}</text>'
    yield f'<line class="span {kind}" x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/>'
    yield f'<circle class="{kind}" cx="{middle:.1f}" cy="{y}" r="4"/>'
    yield f'<text class="dim" x="{LEFT + WIDTH + 14}" y="{y + 4}">{short(median(values))}</text>'


def plot(title, rows, line=None):
    """Rows of (label, values of the rounds, whether it is ours): median, and from min to max."""
    rows = list(rows)
    axis = Axis([value for _, values, _ in rows for value in values] + ([line] if line else []))
    bottom = TOP + ROW * len(rows)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + RIGHT} {bottom + 34}"><style>{STYLE}\n</style>']
    out.append(f'<text class="title" x="16" y="24">{escape(title)}</text>')
    for tick in axis.ticks():
        x = axis(tick)
        out.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 8}" y2="{bottom}"/>')
        out.append(f'<text class="dim middle" x="{x:.1f}" y="{bottom + 18}">{short(tick)}</text>')
    if line:
        out.append(f'<line class="one" x1="{axis(line):.1f}" x2="{axis(line):.1f}" y1="{TOP - 8}" y2="{bottom}"/>')
    for place, (label, values, ours) in enumerate(rows):
        out += row(axis, TOP + ROW * place + ROW // 2, label, values, "ours" if ours else "theirs")
    return "\n".join([*out, "</svg>\n"])


def cpu_rows(result):
    """By server, then in the order of the cases."""
    rows = []
    for case in result["cases"]:
        ours = case["servers"]["dojo-host"]
        for name, seen in case["servers"].items():
            if seen is not ours and "cpu_ms" in case["figures"]:
                rows.append((name, f"{name}: {case['title']}", ratios(seen["cpu_ms"], ours["cpu_ms"])))
    order = list(dict.fromkeys(name for name, _, _ in rows))
    for name, label, values in sorted(rows, key=lambda one: order.index(one[0])):
        yield label, values, name.startswith("dojo-host")


def answer_rows(result):
    for case in result["cases"]:
        if case["title"].startswith("1 KB") and "per_s" in case["figures"]:
            for name, seen in case["servers"].items():
                yield f"{name}: {case['title']}", seen["per_s"], name.startswith("dojo-host")


def write(folder, result):
    (folder / "cpu.svg").write_text(plot("CPU per answer, times dojo-host's: median, min to max", cpu_rows(result), 1))
    (folder / "answers.svg").write_text(plot("Answers a second, 1 KB: median, min to max", answer_rows(result)))
