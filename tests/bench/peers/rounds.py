"""Servers take turns, so that what else the machine does hits all of them."""

from .server import left_out

WARM_UP = 0.1  # of a round


def by_turns(case, host, peers, load, rounds):
    """{server's name: {figure: [its value in each round]}}; every other round is in the opposite order. A peer that fails is
    named and left out; dojo-host must not."""
    seen = {server.name: {} for server in (host, *peers)}
    for number in range(-1, rounds):
        servers = [server for server in (host, *peers) if server.name in seen]
        for server in servers[::-1] if number % 2 else servers:
            try:
                measured = case.measure(server, load, 1 if number >= 0 else WARM_UP)
            except RuntimeError as error:
                if server is host:
                    raise
                left_out(f"{server.name}: {case.title}", error)
                del seen[server.name]
                continue
            for figure, value in measured.items() if number >= 0 else ():
                seen[server.name].setdefault(figure, []).append(value)
    return seen


def ratios(of, over):
    """Within each round."""
    return [one / max(other, 1e-9) for one, other in zip(of, over)]
