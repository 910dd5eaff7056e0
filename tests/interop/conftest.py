import os

import pytest

from keys import Key
from processes import DojoHost, Gateway, PythonMiner


@pytest.fixture(scope="session")
def validator():
    """The hotkey that signs the tests' requests."""
    return Key("validator")


@pytest.fixture(scope="session")
def gateway(tmp_path_factory, validator):
    """A signing gateway that holds the validator's hotkey; the published package finds it."""
    gateway = Gateway(tmp_path_factory.mktemp("gateway"), validator)
    os.environ.update(KAMI_HOST="127.0.0.1", KAMI_PORT=str(gateway.port))
    yield gateway
    gateway.terminate()


@pytest.fixture
def start_gateway(tmp_path):
    """start_gateway(key, flags…): another gateway."""
    started = []

    def start(key, *flags):
        started.append(Gateway(tmp_path / f"gateway{len(started)}", key, *flags))
        return started[-1]

    yield start
    for gateway in started:
        gateway.terminate()


@pytest.fixture(scope="session")
def python_server(tmp_path_factory, gateway):
    """The published Server."""
    server = PythonMiner(tmp_path_factory.mktemp("python-miner"), gateway)
    yield server
    server.terminate()


@pytest.fixture
def start_python_server(tmp_path):
    """start_python_server(gateway): another one."""
    started = []

    def start(gateway):
        started.append(PythonMiner(tmp_path / f"python-miner{len(started)}", gateway))
        return started[-1]

    yield start
    for server in started:
        server.terminate()


@pytest.fixture
def start_host(tmp_path):
    """start_host(config, …): a dojo-host. Those that the test has not stopped must stop well by themselves."""
    started = []

    def start(config="", **options):
        started.append(DojoHost(tmp_path / f"host{len(started)}", config, **options))
        return started[-1]

    yield start
    for host in started:
        if host.popen.returncode is None:
            host.stop()


@pytest.fixture(scope="module")
def dojo_host(tmp_path_factory):
    """A dojo-host with the default configuration, for all tests of a file."""
    host = DojoHost(tmp_path_factory.mktemp("host"))
    yield host
    host.stop()
