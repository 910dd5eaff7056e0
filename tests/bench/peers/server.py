"""A server that is measured: how it is installed, started and called, and what it has used."""

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "interop"))

TICKS = os.sysconf("SC_CLK_TCK")
VENV = Path(__file__).parents[2] / "interop/venv.sh"


class Server:
    name = ""
    about = ""  # for the report: what it is, and what it leaves out
    dialect = None  # what it is called in; None: in the case's
    most_connections = 1024
    share = 1.0  # of a case's requests, for servers that are slower by far
    seed = "7" * 64  # of the caller's hotkey

    process = None
    port = 0
    hotkey = ""

    def install(self, build):
        """Into the folder `build`; raises what says why not."""

    def versions(self):
        return {}

    def start(self, folder):
        raise NotImplementedError

    def stop(self):
        if self.process:
            self.process.terminate(20)

    def cpu_seconds(self):
        """Processor time of its processes so far, those that have ended included."""
        return sum(used for used in tree_seconds(self.process.popen.pid))

    def log(self):
        return self.process.log()


def tree_seconds(root):
    """Of a process and all that came from it: user's and system's time, with that of children it has waited for."""
    children, used = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        pid = int(stat.parent.name)
        children.setdefault(int(fields[1]), []).append(pid)
        used[pid] = sum(int(field) for field in fields[11:15]) / TICKS
    tree = [root]
    for pid in tree:
        tree += children.get(pid, [])
        yield used.get(pid, 0)


def left_out(what, why):
    print(f"left out: {what}: {why}", file=sys.stderr, flush=True)


def run(*command):
    """Its output; a command that fails says its last words."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines() or ["no word why"]
        raise RuntimeError(f"{Path(command[0]).name}: {words[-1]}")
    return done.stdout


def venv(build, name, requirements):
    """The Python of an environment with these packages."""
    run("sh", VENV, build / name, requirements)
    return build / name / "bin/python"


def cargo(build, crate):
    """The program of a crate of peers/."""
    manifest = Path(__file__).parent / crate / "Cargo.toml"
    run("cargo", "build", "--quiet", "--locked", "--release", "--target-dir", build, "--manifest-path", manifest)
    return build / "release" / f"{crate}-peer"


def crates(crate, names):
    import tomllib

    lock = tomllib.loads((Path(__file__).parent / crate / "Cargo.lock").read_text())["package"]
    return {package["name"]: package["version"] for package in lock if package["name"] in names}


def packages(python, names):
    """What of these packages an environment holds."""
    held = dict(line.split("==") for line in run(python, "-m", "pip", "freeze").splitlines() if "==" in line)
    return {name: held[name] for name in names if name in held}
