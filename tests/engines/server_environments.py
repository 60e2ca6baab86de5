"""Environments of test servers, whose pins are not ours: made once for each machine, in the cache of the user.

All processes of pytest use them; FFT_TEST_SERVERS names another folder. If one cannot be made, the tests are skipped
with the reason; with FFT_TEST_SERVERS_REQUIRED they fail.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from fakesnow_server import UnavailableError


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


def install(target: Path, requirements: Sequence[str], *, dependencies: bool = True) -> None:
    """Install packages into a folder that can be put on the path. Raises UnavailableError."""
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    pip = [uv, "pip", "install", "--python", sys.executable] if uv else [sys.executable, "-m", "pip", "install"]
    alone = [] if dependencies else ["--no-deps"]
    command = [*pip, "--quiet", *alone, "--target", target, *requirements]
    run([*map(str, command)], f"{' '.join(requirements)} cannot be installed")


def run(command: Sequence[str], what: str) -> None:
    """Run a command. Raises UnavailableError with the last line that it says."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(f"{what}: {error}") from error
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise UnavailableError(f"{what}: {' '.join(last)}")


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
