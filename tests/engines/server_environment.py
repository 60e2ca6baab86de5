"""Environments of test servers, made once for each machine, in the cache of the user: see `fakesnow_server.py`."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from fakesnow_server import UnavailableError


def python_of(name: str, requirements: Sequence[str]) -> Path:
    """Return the Python of a server's environment, which is made if it is missing. Raises UnavailableError."""
    digest = hashlib.sha256("\n".join((*requirements, sys.version)).encode()).hexdigest()[:12]
    given = os.environ.get("FFT_TEST_SERVERS")
    folder = (Path(given) if given else Path.home() / ".cache" / "fft-test-servers") / f"{name}-{digest}"
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one process makes it, the others wait
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _make(name, folder, python, requirements)
            (folder / "ready").touch()
    return python


def _make(name: str, folder: Path, python: Path, requirements: Sequence[str]) -> None:
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    made = [uv, "venv", "--quiet", "--python", sys.executable, folder] if uv else [sys.executable, "-m", "venv", folder]
    pip = [uv, "pip", "install", "--quiet", "--python", python] if uv else [python, "-m", "pip", "install", "--quiet"]
    for command in (made, [*pip, *requirements]):
        try:
            done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=600, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UnavailableError(f"the environment of {name} cannot be made: {error}") from error
        if done.returncode:
            last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
            raise UnavailableError(f"the environment of {name} cannot be made: {' '.join(last)}")
