"""Test servers that are no dependencies of ours: each in an environment of its own, as its pins are not our pins.

An environment is made once for each machine, in the cache of the user, and used by all processes of pytest;
FFT_TEST_SERVERS names another folder for it. If it cannot be made, or if its server does not start, the tests are
skipped with the reason; with FFT_TEST_SERVERS_REQUIRED they fail.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest

T = TypeVar("T")
_SECONDS_TO_INSTALL = 900
_SECONDS_TO_END = 30


class UnavailableError(Exception):
    """The server cannot be had on this machine."""


def folder_of(name: str, requirements: Sequence[str], make: Callable[[Path], None]) -> Path:
    """Return the folder of an environment, which `make` fills if it is missing. Raises UnavailableError."""
    given = os.environ.get("FFT_TEST_SERVERS")
    root = Path(given) if given else Path.home() / ".cache" / "fft-test-servers"
    digest = hashlib.sha256("\n".join((*requirements, sys.version)).encode()).hexdigest()[:12]
    folder = root / f"{name}-{digest}"
    root.mkdir(parents=True, exist_ok=True)
    with (root / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one process makes it, the others wait
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            (folder / "ready").touch()
    return folder


def python_of(name: str, requirements: Sequence[str]) -> Path:
    """Return the Python of an environment with these packages, which is made if missing. Raises UnavailableError."""

    def make(folder: Path) -> None:
        uv, what = _uv(), f"the environment of {name} cannot be made"
        run([uv, "venv", "--quiet", "--allow-existing", folder] if uv else [sys.executable, "-m", "venv", folder], what)
        _install(uv, what, ["--python", _python(folder)] if uv else [], requirements, _python(folder))

    return _python(folder_of(name, requirements, make))


def packages_of(name: str, requirements: Sequence[str], *, dependencies: bool = True) -> Path:
    """Return a folder with these packages, to be put on the path; made if missing. Raises UnavailableError."""
    return folder_of(name, requirements, lambda folder: install(folder, requirements, dependencies=dependencies))


def install(folder: Path, requirements: Sequence[str], *, dependencies: bool = True) -> None:
    """Install packages into a folder. Raises UnavailableError."""
    uv, alone = _uv(), [] if dependencies else ["--no-deps"]
    python = ["--python", sys.executable] if uv else []
    _install(
        uv, f"the packages of {folder.name} cannot be installed", [*python, *alone, "--target", folder], requirements
    )


def run(command: Sequence[str | Path], what: str) -> None:
    """Run a command. Raises UnavailableError with the last line of its output."""
    try:
        done = subprocess.run(
            [*map(str, command)], capture_output=True, text=True, timeout=_SECONDS_TO_INSTALL, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(f"{what}: {error}") from error
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise UnavailableError(f"{what}: {' '.join(last)}")


def _uv() -> str | None:
    return shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))


def _python(folder: Path) -> Path:
    return folder / ("Scripts" if os.name == "nt" else "bin") / "python"


def _install(
    uv: str | None,
    what: str,
    options: Sequence[str | Path],
    requirements: Sequence[str],
    python: Path = Path(sys.executable),
) -> None:
    pip: list[str | Path] = [uv, "pip", "install"] if uv else [python, "-m", "pip", "install"]
    run([*pip, "--quiet", *options, *requirements], what)


def free_port() -> int:
    """Return a port of this machine that no process listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def launched(
    name: str,
    command: Callable[[Path], Sequence[str | Path]],
    is_ready: Callable[[], bool],
    environment: Callable[[Path], Mapping[str, str]],
    *,
    seconds: int = 90,
) -> Iterator[None]:
    """Run a server while the context lasts, in a folder of its own, which holds its log.

    Args:
        name: The name of the server, for messages.
        command: Returns the command for the folder.
        is_ready: Whether the server answers.
        environment: Returns the environment of the process for the folder.
        seconds: How long to wait for the first answer.

    Raises:
        UnavailableError: the server ends, or does not answer in time; the message has the last line of its log.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"fft_{name.lower()}_"))
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [*map(str, command(folder))], stdout=log, stderr=log, cwd=folder, env={**environment(folder)}
        )
    try:
        deadline = time.monotonic() + seconds
        while not is_ready():
            if server.poll() is not None or time.monotonic() > deadline:
                raise UnavailableError(
                    f"{name} does not start: {' '.join((folder / 'log').read_text().splitlines()[-1:])}"
                )
            time.sleep(0.1)
        yield
    finally:
        server.terminate()
        try:
            server.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(_SECONDS_TO_END)
        if os.environ.get("FFT_TEST_SERVER_LOG"):
            shutil.copy(folder / "log", os.environ["FFT_TEST_SERVER_LOG"])
        shutil.rmtree(folder, ignore_errors=True)


def sheltered(folder: Path) -> Mapping[str, str]:
    """Return the environment of a process that leaves its files in a folder, and finds no packages but its own."""
    return {**os.environ, "PYTHONPATH": "", "TMPDIR": str(folder), "HOME": str(folder)}


def listens(port: int) -> bool:
    """Whether a process of this machine listens on a port."""
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        return True
    return False


@contextmanager
def or_skipped(server: AbstractContextManager[T]) -> Iterator[T]:
    """Enter the context of a server; if it cannot be had, skip the test, or fail if servers are required."""
    try:
        given = server.__enter__()
    except UnavailableError as error:
        if os.environ.get("FFT_TEST_SERVERS_REQUIRED"):
            pytest.fail(str(error))
        pytest.skip(str(error))
    try:
        yield given
    finally:
        server.__exit__(None, None, None)


def drop_place(engine: str, settings: Mapping[str, Any]) -> None:
    """Drop the schema, dataset or database of a profile, and everything in it."""
    from fft_core.engines.protocol import open_session

    session = open_session(engine, settings)
    try:
        session.execute(session.spelling.drop_schema(session.relation("")))
    finally:
        session.close()
