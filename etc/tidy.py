"""Runs clang-tidy over every unit of a built tree, as many at once as there are processors.

    python3 etc/tidy.py BUILD_DIR [--deep]

The static analyzer follows fewer and shorter paths than it could, which is three quarters of the time, and the tests,
which run under sanitizers, are left out; with --deep it follows all that it does by default, and looks at them too. A
unit takes seconds, so one that has passed is not looked at again, in this checkout or another of the same user's, until
it, a file of ours that it includes, its command, or the rules change. What it includes, ninja knows from when it was
compiled. What has passed is kept beside ccache's, as one empty file each, for as long as somebody asks for it.
"""

import concurrent.futures
import functools
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAMPS = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dojo-tidy"
KEPT_DAYS = 30
# Clang does not know all of g++'s warnings, and needs templates to be parsed late where Pistache's async.h is read.
ARGUMENTS = ["-Wno-unknown-warning-option", "-fdelayed-template-parsing", "-Wno-delayed-template-parsing-in-cxx20"]
DEEP = "--deep" in sys.argv
if not DEEP:
    ARGUMENTS += ["-Xclang", "-analyzer-config", "-Xclang", "mode=shallow"]


@functools.cache
def digest(path):
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except FileNotFoundError:
        return "gone"


def included(build):
    """By object: the files that it was compiled from, as of the last build."""
    files = {}
    output = subprocess.run(["ninja", "-C", build, "-t", "deps"], stdout=subprocess.PIPE, text=True, check=True).stdout
    for line in output.splitlines():
        if line.startswith("    "):
            path = (build / line.strip()).resolve()
            if path.is_relative_to(ROOT) and not path.is_relative_to(build):  # precompiled headers hold none of ours
                files[name].append(str(path))
        elif line:
            name = line.split(":", 1)[0]
            files[name] = []
    return files


def commands(build):
    """What to look at. What clang would not take is left out: flags and precompiled headers of g++'s, and ccache before it.
    Without those headers it is also seen that each source includes what it uses."""
    rows = json.loads((build / "compile_commands.json").read_text())
    for row in rows:
        command = re.sub(r"^\S+ -E env (?:\S+=\S+ )+(\S*ccache )", r"\1", row["command"])
        row["command"] = re.sub(r" -fno-gnu-unique| -fpch-preprocess| -include \S+/cmake_pch\.hxx", "", command)
    units = [row for row in rows if row["file"].endswith(".cpp") and (DEEP or not Path(row["file"]).is_relative_to(ROOT / "tests"))]
    by_file = {row["file"]: row for row in units}  # the last of several, as clang-tidy does
    return rows, by_file


def key(row, rules, files):
    words = row["command"].split()
    of_object = files.get(words[words.index("-o") + 1])
    if not of_object:  # never built: then any header may be in it
        listed = subprocess.run(["git", "ls-files", "*.hpp", "*.h", "*.inc"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        of_object = [str(ROOT / name) for name in listed.stdout.split()]
    parts = [rules, row["command"].replace(str(ROOT), "."), *(os.path.relpath(path, ROOT) + digest(path) for path in sorted({row["file"], *of_object}))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def look(commands, file, stamp):
    done = subprocess.run(
        ["clang-tidy-19", "--quiet", "-p", commands, *(f"--extra-arg={word}" for word in ARGUMENTS), file],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode == 0:
        stamp.touch()
    return done


def main():
    build = Path(sys.argv[1]).resolve()
    adapted = build / "lint"
    adapted.mkdir(exist_ok=True)
    STAMPS.mkdir(parents=True, exist_ok=True)
    rows, by_file = commands(build)
    (adapted / "compile_commands.json").write_text(json.dumps(rows))
    version = subprocess.run(["clang-tidy-19", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    rules = version + " ".join(ARGUMENTS) + "".join(digest(ROOT / name) for name in (".clang-tidy", "tests/.clang-tidy", "etc/tidy.py"))
    files = included(build)
    wanted = {file: STAMPS / key(row, rules, files) for file, row in by_file.items()}
    todo = {file: stamp for file, stamp in wanted.items() if not stamp.exists()}
    for stamp in set(wanted.values()) - set(todo.values()):
        stamp.touch()
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in pool.map(lambda row: look(adapted, *row), todo.items()):
            if done.returncode != 0:
                bad += 1
                print(done.stdout, flush=True)
    for old in STAMPS.iterdir():
        if old.stat().st_mtime < time.time() - KEPT_DAYS * 86_400:
            old.unlink(missing_ok=True)
    print(f"{len(wanted) - bad} of {len(wanted)} units are clean, of which {len(todo)} were looked at")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
