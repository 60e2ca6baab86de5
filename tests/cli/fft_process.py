"""Run `fft`, or Python with our packages, as a process of its own: forked from one that has imported Dagster already.

A new process for each command takes three seconds of a core for a small build, of which most goes into imports; a
fork of a process that has them takes a fifth of that. Each process of pytest starts one server (`fork_server.py`) when
it first needs it. What a fork cannot show is left to a new process: what is imported and when, what Python reads from
the environment when it starts, terminals and Ctrl-C. `test_fft_process.py` compares the two, and
`test_installed_commands.py` starts each command as it is installed. FFT_TESTS_FORK=no starts new processes for all.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from subprocess import CompletedProcess
from typing import TextIO, TypeAlias

from fork_server import ANOTHER, NUMBER

FFT = Path(sys.executable).with_name("fft")  # as pip installs it
CAN_FORK = sys.platform == "linux" and os.environ.get("FFT_TESTS_FORK") != "no"  # macOS' libraries do not like forks
PATIENCE_SECONDS = 120.0
# Python and the C library read these when a process starts, so that a fork would not obey them.
READ_AT_THE_START = ("PYTHON", "LC_", "LANG", "LD_", "TZ", "MALLOC_")


def run_process(
    *command: str | Path,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float = PATIENCE_SECONDS,
) -> CompletedProcess[str]:
    """Run the installed `fft`, or Python with a script, `-m` or `-c`, to its end; its output is a pipe.

    Args:
        command: The program, `FFT` or `sys.executable`, and its arguments.
        cwd: Its current folder; the one of this process where None.
        environment: All its variables; those of this process where None.
        timeout: After so many seconds it is killed, and that is an error.
    """
    words, variables = [str(word) for word in command], dict(os.environ if environment is None else environment)
    with _free_server(words, variables) as server:
        if server is not None:
            return server.run(words, str(cwd or Path.cwd()), variables, timeout)
    return new_process(words, cwd, variables, timeout)


def start_process(
    *command: str | Path,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    quiet: bool = False,
) -> Started:
    """Start what `run_process` runs, beside this process and others.

    Its three streams are pipes; those who do not read its errors say `quiet`, which drops them.
    """
    words, variables = [str(word) for word in command], dict(os.environ if environment is None else environment)
    with _free_server(words, variables) as server:
        if server is not None:
            return server.another().start(words, str(cwd or Path.cwd()), variables, quiet=quiet)
    pipe, errors = subprocess.PIPE, subprocess.DEVNULL if quiet else subprocess.PIPE
    return subprocess.Popen(words, cwd=cwd, env=variables, stdin=pipe, stdout=pipe, stderr=errors, text=True)


@contextmanager
def _free_server(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[_Server | None]:
    """Give the server, unless this command is not for a fork or another thread asks it something."""
    server = _server() if CAN_FORK else None
    if not (server and server.may_run(command, environment) and server.free.acquire(blocking=False)):
        yield None
        return
    try:
        yield server
    finally:
        server.free.release()


def new_process(
    command: Sequence[str], cwd: Path | None, environment: Mapping[str, str], timeout: float = PATIENCE_SECONDS
) -> CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=timeout)


def _early(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(READ_AT_THE_START)}


@dataclass(frozen=True)
class _Server:
    """The server of this process; it runs one command at a time."""

    process: subprocess.Popen[str]
    connection: socket.socket
    environment: Mapping[str, str]
    free: threading.Lock = field(default_factory=threading.Lock)

    def may_run(self, command: Sequence[str], environment: Mapping[str, str]) -> bool:
        is_python = command[0] == sys.executable and (command[1] in ("-m", "-c") or command[1].endswith(".py"))
        return (is_python or command[0] == str(FFT)) and _early(environment) == _early(self.environment)

    def run(
        self, command: list[str], cwd: str, environment: Mapping[str, str], timeout: float
    ) -> CompletedProcess[str]:
        (out, its_out), (err, its_err) = os.pipe(), os.pipe()
        child = self._begin(command, cwd, environment, (os.dup(0), its_out, its_err))
        try:
            said = _read_to_the_end((out, err), time.monotonic() + timeout)
        except TimeoutError:
            os.kill(child, signal.SIGKILL)
            raise subprocess.TimeoutExpired(command, timeout) from None
        finally:
            os.close(out)
            os.close(err)
            code = self._number()
        return CompletedProcess(command, code, *said)

    def another(self) -> _Server:
        """Give a server that this one forks, for one command beside those that this one runs."""
        ours, its = socket.socketpair()
        with its:
            socket.send_fds(self.connection, [NUMBER.pack(ANOTHER)], [its.fileno()])
        return replace(self, connection=ours)

    def start(self, command: list[str], cwd: str, environment: Mapping[str, str], *, quiet: bool) -> Forked:
        (its_in, into), (out, its_out), (err, its_err) = os.pipe(), os.pipe(), _nowhere() if quiet else os.pipe()
        child = self._begin(command, cwd, environment, (its_in, its_out, its_err))
        return Forked(child, self.connection, os.fdopen(into, "w"), os.fdopen(out), os.fdopen(err))

    def _begin(self, command: list[str], cwd: str, environment: Mapping[str, str], streams: tuple[int, ...]) -> int:
        words = command[1:] if command[0] == sys.executable else command
        request = json.dumps({"command": words, "cwd": cwd, "environment": dict(environment)}).encode()
        socket.send_fds(self.connection, [NUMBER.pack(len(request))], streams)
        for stream in streams:
            os.close(stream)
        self.connection.sendall(request)
        return self._number()

    def _number(self) -> int:
        found = self.connection.recv(NUMBER.size, socket.MSG_WAITALL)
        assert len(found) == NUMBER.size, f"the server has ended: {self.process.communicate()[1]}"
        number: int = NUMBER.unpack(found)[0]
        return number


@dataclass
class Forked:
    """A forked process that runs beside this one: what the tests use of `subprocess.Popen`."""

    pid: int
    connection: socket.socket
    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self.connection], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            self.connection.settimeout(timeout)
            found = self.connection.recv(NUMBER.size, socket.MSG_WAITALL)  # TimeoutError where it takes longer
            assert len(found) == NUMBER.size, "its server has ended"
            self.returncode = NUMBER.unpack(found)[0]
            self.connection.close()
        return self.returncode

    def communicate(self, timeout: float = PATIENCE_SECONDS) -> tuple[str, str]:
        """Read what it says until its end. Raises TimeoutError."""
        self.stdin.close()
        with ThreadPoolExecutor(2) as reading:
            said = [reading.submit(stream.read) for stream in (self.stdout, self.stderr)]
            try:
                out, err = (read.result(timeout) for read in said)
            except TimeoutError:
                self.kill()
                raise
        self.wait(timeout)
        return out, err

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has just ended, and its server is about to say so
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


Started: TypeAlias = "subprocess.Popen[str] | Forked"


def _nowhere() -> tuple[int, int]:
    return os.open(os.devnull, os.O_RDONLY), os.open(os.devnull, os.O_WRONLY)


def _read_to_the_end(pipes: tuple[int, int], deadline: float) -> list[str]:
    found = dict.fromkeys(pipes, b"")
    with selectors.DefaultSelector() as waiting:
        for pipe in pipes:
            waiting.register(pipe, selectors.EVENT_READ)
        while waiting.get_map():
            ready = waiting.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                part = os.read(key.fd, 65536)
                found[key.fd] += part
                if not part:
                    waiting.unregister(key.fd)
    return [text.decode().replace("\r\n", "\n") for text in found.values()]


@cache
def _server() -> _Server:
    ours, its = socket.socketpair()
    environment = dict(os.environ)
    command = [sys.executable, str(Path(__file__).with_name("fork_server.py")), str(its.fileno())]
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,  # as its children have, which take over how Python treats it
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=[its.fileno()],
    )
    its.close()

    def end() -> None:
        ours.close()
        process.wait()  # not for the end of its output: a server that it forked may have that open too

    atexit.register(end)
    return _Server(process, ours, environment)
