"""Processes that are started in order, watched, and stopped in the other order."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any


class StackError(Exception):
    """A part cannot be started, or has ended."""


class StoppedError(Exception):
    """A signal to stop has come."""


@dataclass(frozen=True)
class Part:
    """A part of the stack.

    Attributes:
        name: Its name, which is also that of its log.
        command: The command.
        variables: The environment variables.
        stop: The signals that end it, each with the seconds until the next; after the last one, it is killed.
        user: The user to run it as, if it is another one.
        is_database: Whether the others use it, so that it is stopped last.
    """

    name: str
    command: Sequence[str]
    variables: Mapping[str, str]
    stop: Sequence[tuple[signal.Signals, float]] = ((signal.SIGTERM, 15),)
    user: str | None = None
    is_database: bool = False


class Processes:
    """The processes of a stack, each in a group of its own, so that Ctrl-C reaches the stack alone.

    Args:
        logs: The folder of their logs.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: list[tuple[Part, subprocess.Popen[bytes]]] = []
        self.is_stopped = False

    def start(self, part: Part) -> int:
        """Start a part; return the id of its process."""
        self._logs.mkdir(parents=True, exist_ok=True)
        other: dict[str, Any] = {} if part.user is None else {"user": part.user, "cwd": "/"}
        with self.log(part.name).open("wb") as log:
            process = subprocess.Popen(
                list(part.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(part.variables),
                start_new_session=True,
                **other,
            )
        self._running.append((part, process))
        return process.pid

    def log(self, name: str) -> Path:
        """Return the path of the log of a part."""
        return self._logs / f"{name}.log"

    def check(self) -> None:
        """Raise StackError if a part has ended, and StoppedError after a signal."""
        if self.is_stopped:
            raise StoppedError
        for part, process in self._running:
            code = process.poll()
            if code is not None:
                said = "".join(f"\n  {line}" for line in self._last_lines(part.name))
                raise StackError(f"{part.name} has ended ({code}); the end of {self.log(part.name)}:{said}")

    def wait(self, what: str, is_there: Callable[[], bool], seconds: float = 120) -> None:
        """Wait until something is there. Raises StackError if a part ends, or after so many seconds."""
        deadline = time.monotonic() + seconds
        while not is_there():
            self.check()
            if time.monotonic() > deadline:
                raise StackError(f"{what} did not answer in {seconds:g} s; the logs are in {self._logs}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop all parts: those that use the databases first, at once, and then the databases."""
        for is_database in (False, True):
            parts = [one for one in self._running if one[0].is_database == is_database]
            for round_of in zip_longest(*(part.stop for part, _ in parts)):
                for (_, process), step in zip(parts, round_of, strict=True):
                    if step is not None and process.poll() is None:
                        process.send_signal(step[0])
                deadline = time.monotonic() + max(step[1] for step in round_of if step is not None)
                for _, process in parts:
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(max(0, deadline - time.monotonic()))
            for _, process in parts:
                with suppress(ProcessLookupError, PermissionError):  # also what the process has started itself
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._running.clear()

    def _last_lines(self, name: str) -> list[str]:
        return self.log(name).read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
