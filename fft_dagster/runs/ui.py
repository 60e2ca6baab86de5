"""`dagster dev` on a project and the history of its runs, one at a time."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from fft_core import FftError, Project
from fft_dagster.runs.instance import code_location, instance_home
from fft_dagster.runs.supervised import run_supervised


def open_ui(
    project: Project, host: str, port: int, variables: Mapping[str, str], announce: Callable[[str], None]
) -> int:
    """Run `dagster dev` until it ends; return its exit code. A definitions.py of the project's own is what it opens.

    Args:
        project: The project.
        host: Where the UI listens.
        port: Where the UI listens.
        variables: More environment variables for its processes.
        announce: Is told the address, and where the history is.

    Raises:
        FftError: the UI is not installed, is open already, or cannot listen there.
    """
    if find_spec("dagster_webserver") is None:
        raise FftError("the Dagster UI is not installed", hint='pip install "fft-dagster[ui]"')
    home = instance_home(project.root)
    *location, _ = code_location(project.root)
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "FFT_PROJECT_DIR": str(project.root),
        "FFT_ACTIVE_ENV": project.env,
        **variables,
        "DAGSTER_EVENT_BATCH_SIZE": os.environ.get("DAGSTER_EVENT_BATCH_SIZE", "1000"),  # see runs.py
    }
    command = [sys.executable, "-m", "dagster", "dev", "-h", host, "-p", str(port), *location]
    url = f"http://{host}:{port}"
    with _only_one(home, url) as lock:
        _refuse_taken(host, port)
        announce(f"{project.name}: {url}, history in {home}")
        return run_supervised(command, environment, keep=[lock])


@contextmanager
def _only_one(home: Path, url: str) -> Iterator[int]:
    """Hold a lock that tells others of this UI; give its file descriptor. Raises FftError if another UI is open.

    Two daemons on one history disturb each other. The lock ends with the processes that have it open.
    """
    home.mkdir(parents=True, exist_ok=True)
    path = home / "dev.lock"
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if sys.platform != "win32":
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                said = os.read(file, 200).decode(errors="replace").strip()
                hint = "Use that one, or end it: Ctrl-C in its terminal."
                raise FftError(f"the UI of this project is open already: {said}", hint=hint) from error
        os.ftruncate(file, 0)
        os.write(file, f"{url} (pid {os.getpid()})\n".encode())
        yield file
    finally:
        os.close(file)


def _refuse_taken(host: str, port: int) -> None:
    """Raise FftError if the UI cannot listen there."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except socket.gaierror as error:
        raise FftError(f"{host!r} is no address: {error.strerror}", hint="For example --host 127.0.0.1.") from error
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        said = "another program listens there" if taken else error.strerror
        raise FftError(
            f"the UI cannot listen on {host}:{port}: {said}", hint=f"Choose another port: fft dev --port {port + 1}"
        ) from error
