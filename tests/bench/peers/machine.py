"""On what was measured."""

import datetime
import os
import platform
from pathlib import Path


def machine(servers):
    info = Path("/proc/cpuinfo").read_text()
    models = [line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name")]
    os_name = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    return {
        "date": datetime.date.today().isoformat(),
        "cpu": models[0] if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": f"{platform.system()} {platform.release()}",
        "os": os_name["PRETTY_NAME"].strip('"'),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "versions": {server.name: server.versions() for server in servers},
    }


def sentences(about):
    """For people."""

    def with_versions(server):
        return f"{server} ({', '.join(f'{name} {version}' for name, version in about['versions'][server].items())})"

    yield (
        f"{about['date']}, {about['cpu']}, {about['cores']} cores, {about['kernel']}, {about['os']}, "
        f"load at the start {about['load']:.1f}; Python {about['python']}."
    )
    yield f"{'; '.join(with_versions(server) for server, versions in about['versions'].items() if versions)}."
