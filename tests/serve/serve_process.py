"""The command `fft serve` as a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from serve_project import Served

FFT = [sys.executable, "-m", "fft_cli"]


@contextmanager
def serving(shop: Served, **variables: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command; give its process and the address that it prints."""
    server = subprocess.Popen(
        [*FFT, "serve", str(shop.root), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "LOG_LEVEL": "warning", **variables},  # nobody reads the pipe
    )
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, line + server.stdout.read()
        yield server, found[0]
    finally:
        server.kill()
        server.wait()
