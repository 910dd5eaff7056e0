"""dojo-host beside other servers: echo through the whole of each, by turns in one run.

    ./bench.sh --peers [--quick | --all] [--only NAMES] [--rounds N] [--json FILE] [--write]

What is compared is processor time of a server's processes per answer, which the load's own appetite does not touch.
Compare figures of one run only. Exits with 1 if a ratio falls under its floor (floors.json).
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from . import floors, plot, report
from .cases import CASES, PROBES, Part
from .hosts import Alone, Host, IsolatedHost, SigningHost
from .loader import Loader, offered
from .machine import machine, sentences
from .rounds import by_turns
from .server import left_out
from .axum import Axum
from .btlightning import BtLightning
from .dojo_messaging import DojoMessaging, Verifying
from .http_auth import HttpAuth
from .taowire import TaoWire

DOCS = Path(__file__).parents[3] / "docs/benchmarks"
BUILD = Path("build/peers").resolve()


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--quick", action="store_const", dest="part", const=Part.quick, help="few cases: a few minutes")
    part.add_argument("--all", action="store_const", dest="part", const=Part.all, help="every case")
    parser.add_argument("--only", metavar="NAMES", help="peers, with commas between; see --list")
    parser.add_argument("--list", action="store_true", help="say which peers and cases there are, and end")
    parser.add_argument("--rounds", type=int, default=5, help="fewer than five prove nothing (default: 5)")
    parser.add_argument("--json", metavar="FILE", type=Path, help="all that was measured")
    parser.add_argument("--from", metavar="FILE", type=Path, dest="kept", help="measure nothing: what --json has written")
    parser.add_argument("--write", action="store_true", help="put the figures and plots into docs/benchmarks")
    parser.set_defaults(part=Part.default)
    return parser.parse_args()


def everybody():
    host = Host()
    peers = [Axum(host), BtLightning(), HttpAuth(host), TaoWire(), DojoMessaging(host), Verifying(host)]
    return host, {peer.name: peer for peer in [*peers, IsolatedHost(), SigningHost(), Alone()]}


def chosen(peers, only):
    wanted = [name.strip() for name in only.split(",")] if only else list(peers)
    if unknown := set(wanted) - set(peers):
        sys.exit(f"no such peer: {', '.join(sorted(unknown))}; there are {', '.join(peers)}")
    return [peers[name] for name in wanted]


def installed(peers):
    """Those that could be; the others are named."""
    for peer in peers:
        try:
            peer.install(BUILD)
            yield peer
        except (RuntimeError, OSError) as error:
            left_out(peer.name, error)


def started(peers, folder):
    """Likewise."""
    for peer in peers:
        try:
            peer.start(folder / peer.name)
            yield peer
        except (AssertionError, OSError) as error:
            left_out(peer.name, error)


def cases_of(part):
    for case in (*CASES, *PROBES):
        if case.part > part:
            continue
        if offered(case.dialect):
            yield case
        else:
            left_out(case.title, "`dojo` does not speak it")


def measure(arguments, host, peers, folder):
    result = {"machine": machine([host, *peers]), "rounds": arguments.rounds, "cases": []}
    print(*sentences(result["machine"]), f"{arguments.rounds} rounds.", sep="\n")
    try:
        host.start(folder / host.name)
        peers = list(started(peers, folder))
        load, last = Loader(folder), None
        for case in cases_of(arguments.part):
            rivals = case.rivals(arguments.part)
            servers = [peer for peer in peers if peer.name in rivals and peer.most_connections >= case.connections]
            if not servers:
                continue
            seen = by_turns(case, host, servers, load, arguments.rounds)
            result["cases"].append({"title": case.title, "figures": list(case.figures), "servers": seen})
            if case.figures != last:
                print("", report.head(case.figures), sep="\n")
            last = case.figures
            print(*report.lines(result["cases"][-1], last), sep="\n", flush=True)
    finally:
        for server in (*peers, host):
            server.stop()
    return result


def main():
    arguments = parse()
    host, peers = everybody()
    if arguments.list:
        for peer in peers.values():
            print(f"{peer.name:24} {peer.about}")
        print(*(f"{case.part.name:8} {case.title}" for case in (*CASES, *PROBES)), sep="\n")
        return
    if arguments.kept:
        result = json.loads(arguments.kept.read_text())
    else:
        BUILD.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as name:
            result = measure(arguments, host, list(installed(chosen(peers, arguments.only))), Path(name))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    if arguments.write:
        report.write(DOCS / "peers.md", result)
        plot.write(DOCS, result)
    print()
    sys.exit(0 if floors.check(result) else 1)


if __name__ == "__main__":
    main()
