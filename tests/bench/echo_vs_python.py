"""Echo through the whole pipeline: dojo-host beside the published Python server, by turns in one run, under the same load
of signed and compressed requests from `dojo batch` (legacy dialect, which both accept).

    DOJO_HOST=… DOJO=… DOJO_PLUGINS=… python echo_vs_python.py [ROUNDS]

The Python server asks a signing gateway on loopback to verify, as it ships; "in process" has it verify with
py-sr25519-bindings instead, which is kinder to it than it is itself. Columns: answers per second as the client saw them, and
milliseconds of processor time per answer of the server's process alone, which the client's own appetite does not touch.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "interop"))
from keys import Key  # noqa: E402
from processes import Gateway, Process  # noqa: E402

SIZES = {"1 KB": (1_000, {"dojo-host": 8_000}), "1 MB": (1_000_000, {"dojo-host": 200})}
PYTHON_COUNT = {"1 KB": 600, "1 MB": 60}
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(process):
    fields = Path(f"/proc/{process.popen.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def measure(process, port, wallet, body, count):
    before = cpu_seconds(process)
    done = subprocess.run(
        [os.environ["DOJO"], "batch", "--url", f"127.0.0.1:{port}", "Echo", f"@{body}", "--wallet", wallet]
        + ["--dialect", "legacy", "--no-preflight", "--repeat", str(count), "--concurrency", "32", "--retries", "1"]
        + ["--timeout", "60"],
        capture_output=True,
        text=True,
    )
    table = dict(line.split(None, 1) for line in done.stdout.splitlines() if len(line.split(None, 1)) == 2)
    assert int(table["answered"]) == count, done.stdout + done.stderr
    return float(table["answers/s"].split()[0]), (cpu_seconds(process) - before) / count * 1e3


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        key = Key("bench")
        wallet = folder / "wallet.json"
        wallet.write_text(json.dumps({"secretSeed": "0x" + key.seed, "ss58Address": key.address}))
        wallet.chmod(0o600)
        config = folder / "host.toml"
        config.write_text('listen = "127.0.0.1:0"\nstate_dir = "state"\n')
        host = Process(
            [os.environ["DOJO_HOST"], "--config", config, "--plugins", os.environ["DOJO_PLUGINS"], "--log-level", "warning"],
            folder / "host",
        )
        gateway = Gateway(folder / "gateway", key)
        servers = {
            "dojo-host": (host, int(host.first_line.split(",")[0].rsplit(":", 1)[1])),
            "python, gateway": python_server(folder / "python", gateway.port),
            "python, in process": python_server(folder / "python_in_process", "in-process"),
        }
        try:
            print(f"{'body':>6}  {'server':20} {'answers/s':>10} {'CPU ms/answer':>14}")
            for size, (length, counts) in SIZES.items():
                body = folder / "body.json"
                body.write_text(json.dumps({"message": (("lorem ipsum %d " * 100) * (length // 500 + 1))[:length]}))
                figures = {server: [] for server in servers}
                for _ in range(rounds):
                    for server, (process, port) in servers.items():
                        count = counts.get(server, PYTHON_COUNT[size])
                        figures[server].append(measure(process, port, wallet, body, count))
                for server, seen in figures.items():
                    rate, cpu = max(rate for rate, _ in seen), min(cpu for _, cpu in seen)
                    print(f"{size:>6}  {server:20} {rate:10.0f} {cpu:14.3f}")
        finally:
            for process in [gateway, *(process for process, _ in servers.values())]:
                process.terminate(20)


def python_server(folder, verifier):
    process = Process([sys.executable, HERE / "python_echo.py", verifier], folder)
    return process, int(process.first_line)


if __name__ == "__main__":
    main()
