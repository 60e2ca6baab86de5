"""The end of a command: threads that a library has left waiting do not keep it."""

from __future__ import annotations

import subprocess
import sys


def test_a_pool_of_threads_that_nobody_ends_does_not_keep_a_command() -> None:
    code = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from fft_cli.app import _leave\n"
        "pool = ThreadPoolExecutor(2)\n"
        "pool.submit(print, 'done').result()\n"
        "_leave(3)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (3, "done\n")
