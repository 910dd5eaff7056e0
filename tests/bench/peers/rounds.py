"""Servers take turns, so that what else the machine does hits all of them."""

WARM_UP = 0.1  # of a round


def by_turns(case, servers, load, rounds):
    """{server's name: {figure: [its value in each round]}}; every other round is in the opposite order."""
    seen = {server.name: {} for server in servers}
    for number in range(-1, rounds):
        for server in servers[::-1] if number % 2 else servers:
            measured = case.measure(server, load, 1 if number >= 0 else WARM_UP)
            for figure, value in measured.items() if number >= 0 else ():
                seen[server.name].setdefault(figure, []).append(value)
    return seen


def ratios(of, over):
    """Within each round."""
    return [one / max(other, 1e-9) for one, other in zip(of, over)]
