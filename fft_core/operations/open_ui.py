"""The UI of a scheduler on a project: one at a time, on a free port."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fft_core.errors import FftError

LOCK_FILE = "dev.lock"


@contextmanager
def only_one_ui(home: Path, url: str) -> Iterator[int]:
    """Hold a lock for this UI, and yield its file descriptor. Raises FftError if another UI is open.

    Two daemons on one history disturb each other. The lock ends with the processes that have it open.
    """
    home.mkdir(parents=True, exist_ok=True)
    path = home / LOCK_FILE
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if sys.platform != "win32":
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                said = os.read(file, 200).decode(errors="replace").strip()
                hint = "Use that one, or end it: Ctrl-C in its terminal."
                raise FftError(f"the UI of this project is open already: {said}", hint=hint, code="FFT-907") from error
        os.ftruncate(file, 0)
        os.write(file, f"{url} (pid {os.getpid()})\n".encode())
        yield file
    finally:
        os.close(file)


def refuse_taken_port(host: str, port: int) -> None:
    """Raise FftError if the UI cannot listen there."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except socket.gaierror as error:
        raise FftError(
            f"{host!r} is not an address: {error.strerror}", hint="For example --host 127.0.0.1.", code="FFT-907"
        ) from error
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        said = "another program listens there" if taken else error.strerror
        raise FftError(
            f"the UI cannot listen on {host}:{port}: {said}",
            hint=f"Choose another port: fft dev --port {port + 1}",
            code="FFT-907",
        ) from error


def url_of_open_ui(home: Path) -> str | None:
    """Return the URL of the open UI of this history; None if no UI is open."""
    path = home / LOCK_FILE
    if sys.platform == "win32" or not path.is_file():
        return None
    import fcntl

    file = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.read(file, 200).decode(errors="replace").partition(" ")[0] or None
    finally:
        os.close(file)
    return None
