"""What takes more than one load to see. The ratio of both is taken within a round, on each server for itself."""

from typing import NamedTuple


class Scaling(NamedTuple):
    """Answers a second with many connections, and with few."""

    part: int
    few: "Case"  # noqa: F821
    many: int  # connections
    figures = ("few_per_s", "many_per_s", "scaling")

    @property
    def title(self):
        return f"{self.few.size}, {self.many:,} / {self.few.connections} connections"

    def rivals(self, part):
        return self.few.rivals(part)

    @property
    def dialect(self):
        return self.few.dialect

    @property
    def connections(self):
        return self.many

    def measure(self, server, load, share):
        many, few = (
            case.measure(server, load, share)["per_s"] for case in (self.few._replace(connections=self.many), self.few)
        )
        return {"few_per_s": few, "many_per_s": many, "scaling": many / few}


class HalfLoad(NamedTuple):
    """How long callers wait who ask, at times of their own, for half of what the server can answer."""

    part: int
    full: "Case"  # noqa: F821
    figures = ("rate", "p50_us", "p99_us", "tail")

    @property
    def title(self):
        return f"{self.full.size}, half load"

    def rivals(self, part):
        return self.full.rivals(part)

    @property
    def dialect(self):
        return self.full.dialect

    @property
    def connections(self):
        return self.full.connections

    def measure(self, server, load, share):
        rate = self.full.measure(server, load, share)["per_s"] / 2
        seen = load(server, self.full, max(int(self.full.count * share / 2), 1), rate)
        return {"rate": rate, "p50_us": seen["p50_us"], "p99_us": seen["p99_us"], "tail": seen["p99_us"] / seen["p50_us"]}
