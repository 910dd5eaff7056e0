"""Whether one thing costs more than another, told by ranks: what a shared machine adds to a few rounds does not decide."""

from functools import cache
from statistics import NormalDist

SURE = 0.01  # a promise is broken if what was seen is rarer than this where it holds


@cache
def ways(first, second, wins):
    """In how many orders of `first` and `second` values the first ones win `wins` of all comparisons of one with one."""
    if wins < 0 or wins > first * second:
        return 0
    if first == 0 or second == 0:
        return 1
    # The largest is one of the first, and wins over all of the second, or is one of the second.
    return ways(first - 1, second, wins - second) + ways(first, second - 1, wins)


def chance_of_larger(values, others):
    """Mann–Whitney's test, one-sided: how probable it is that `values` rank as high among `others` as they do, or higher,
    if both come from the same distribution. Equal values count as half a win."""
    wins = int(sum((a > b) + 0.5 * (a == b) for a in values for b in others))
    n, m = len(values), len(others)
    if n * m > 400:  # then the normal distribution is near enough
        return 1 - NormalDist(n * m / 2, (n * m * (n + m + 1) / 12) ** 0.5).cdf(wins - 0.5)
    orders = [ways(n, m, u) for u in range(n * m + 1)]
    return sum(orders[wins:]) / sum(orders)


def at_most(values, others, ratio, plus=0.0):
    """If rounds' `values` are believed to be at most `ratio` times `others`, rounds taken by turns with them, and `plus`."""
    return chance_of_larger(values, [ratio * other + plus for other in others]) >= SURE


def median(values):
    ordered = sorted(values)
    return ordered[len(ordered) // 2]
