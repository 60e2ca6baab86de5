"""A command that ends with the process that started it, however that process ends: Ctrl-C, TERM, KILL.

The starter holds one end of a pipe. A supervisor, this file run as a script, holds the other: when the pipe closes, it
interrupts the command as Ctrl-C does, so that the command can stop its own children; after a while it kills the whole
process group.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import FrameType

PATIENCE_SECONDS = 25.0  # Dagster gives each of its services 5 s and more
_ENDINGS = (signal.SIGTERM, signal.SIGINT, *([] if sys.platform == "win32" else [signal.SIGHUP]))


class _EndedError(BaseException):
    """A signal asked this process to end."""

    def __init__(self, number: int) -> None:
        self.number = number


def run_supervised(command: Sequence[str], environment: Mapping[str, str], keep: Sequence[int] = ()) -> int:
    """Run a command until it or this process ends. Return its exit code, or 128 and the number of the signal.

    Args:
        command: The program and its arguments.
        environment: All its environment variables.
        keep: File descriptors, such as locks, that stay open until everything that the command started has ended.
    """
    read, write = os.pipe()
    os.set_inheritable(read, True)
    supervisor = [sys.executable, __file__, str(read), *command]
    before = {number: signal.signal(number, _end) for number in _ENDINGS}
    try:
        with subprocess.Popen(supervisor, env=environment, pass_fds=[read, *keep], start_new_session=True) as process:
            os.close(read)
            try:
                return process.wait()
            except _EndedError as ended:
                for number in _ENDINGS:
                    signal.signal(number, signal.SIG_IGN)
                os.close(write)
                process.wait()
                return 128 + ended.number
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, _: FrameType | None) -> None:
    raise _EndedError(number)


def _supervise(pipe: int, command: Sequence[str]) -> int:
    """Run the command until it ends, or the other end of the pipe is closed; then end all its processes."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # processes in the background ignore it
    process = subprocess.Popen(command, env=os.environ)
    for number in _ENDINGS:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_interrupt_at_end, args=(pipe, process), daemon=True).start()
    code = process.wait()
    with suppress(ProcessLookupError):
        os.killpg(os.getpgrp(), signal.SIGTERM)  # its remaining processes; this one ignores it
    return code


def _interrupt_at_end(pipe: int, process: subprocess.Popen[bytes]) -> None:
    os.read(pipe, 1)  # returns when the other end is closed
    process.send_signal(signal.SIGINT)
    try:
        process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(_supervise(int(sys.argv[1]), sys.argv[2:]))
