"""Child processes that build a project and die on the way, by SIGKILL; this file is also their program.

The program imports what a build needs once, and forks for each build. It reads requests from its standard input, and
ends with it. The child reads profiles.yml and the environment again, so that no file has a credential.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from importlib import import_module
from types import TracebackType
from typing import IO, cast

from fft_core.engine_check.outcomes import BrokenClaimError, UncheckedError
from fft_core.engine_check.statements import after_each_statement
from fft_core.engines.spec.registry import spec_of
from fft_core.errors import FftError, message_of
from fft_core.project.model import Project
from fft_core.run.run import Run

_PROGRAM = "fft_core.engine_check.children"


class Builder:
    """A child process that builds on request. A context manager; at its end all processes of the child are killed.

    Raises:
        UncheckedError: the system cannot fork processes.
    """

    def __init__(self) -> None:
        if not hasattr(os, "fork"):
            raise UncheckedError("processes cannot be forked on this system")

    def __enter__(self) -> Builder:
        path = os.pathsep.join(filter(None, sys.path))
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C is for this process, which then ends the other one
        )
        return self

    def build(self, project: Project, statements: int) -> bool:
        """Build a project in a process that dies after a number of statements, or not for 0; return whether it died.

        Raises:
            BrokenClaimError: the build failed by itself.
        """
        try:
            pickle.dump((project, statements), self._stdin)
            self._stdin.flush()
            said = cast("str", pickle.load(self._stdout))  # our own process
        except (OSError, EOFError) as error:
            raise BrokenClaimError(f"the process for builds ended: {self._last_line()}") from error
        if said not in ("killed", "built"):
            raise BrokenClaimError(f"a build in another process failed: {said}")
        return said == "killed"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._stdin, self._stdout, self._errors):
            with suppress(OSError):
                stream.close()

    @property
    def _stdin(self) -> IO[bytes]:
        return cast("IO[bytes]", self._process.stdin)

    @property
    def _stdout(self) -> IO[bytes]:
        return cast("IO[bytes]", self._process.stdout)

    def _last_line(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit code {self._process.wait()}"


def _serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer requests until the other process has ended."""
    is_ready = False
    with suppress(EOFError):
        while True:
            project, statements = pickle.load(requests)  # our own process
            if not is_ready:
                _import_all(project)
                is_ready = True
            pickle.dump(_built_in_fork(project, statements), answers)
            answers.flush()


def _import_all(project: Project) -> None:
    """Import the modules of a build, so that each fork has them. Nothing is connected."""
    import_module("fft_core.run.turn")
    import_module(spec_of(project.engine).module)
    run = Run(project, nodes={*project.models}, defer="")
    for node in run.order():
        run.identities.of(node)  # imports the parser


def _built_in_fork(project: Project, statements: int) -> str:
    """Build in a fork of this process; return "built", "killed", or the message of an error."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        with os.fdopen(write, "wb") as errors:
            errors.write(_build(project, statements).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as errors:
        said = errors.read().decode()
    _, status = os.waitpid(child, 0)
    return "killed" if os.WIFSIGNALED(status) else said or f"exit status {status}"


def _build(project: Project, statements: int) -> str:
    left = statements

    def count() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        with (
            Run(project, nodes={*project.models}, defer="") as run,
            after_each_statement(run.sessions.of_thread().engine, count),
        ):
            for node in run.order():
                run.build(node)
    except FftError as error:
        return error.problem.message.partition("\n")[0]
    except Exception as error:  # noqa: BLE001 - of a driver; the other process reports it
        return f"{type(error).__name__}: {message_of(error)}"
    return "built"


if __name__ == "__main__":
    _serve(sys.stdin.buffer, sys.stdout.buffer)
