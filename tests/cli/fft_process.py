"""Run `fft`, or Python with our packages, as a process of its own: forked from one that has imported Dagster already.

A new process for each command takes three seconds of a core for a small build, of which most goes into imports; a
fork of a process that has them takes a fifth of that. Each process of pytest starts one server (`fork_server.py`) when
it first needs it. What a fork cannot show is left to a new process: what is imported and when, what Python reads from
the environment when it starts, terminals, signals and kills. `test_fft_process.py` compares the two, and
`test_installed_commands.py` starts each command as it is installed. FFT_TESTS_FORK=no starts new processes for all.
"""

from __future__ import annotations

import atexit
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from subprocess import CompletedProcess

from fork_server import NUMBER

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
    server = _server() if CAN_FORK else None
    if server and server.may_run(words, variables) and server.free.acquire(blocking=False):
        try:
            return server.run(words, str(cwd or Path.cwd()), variables, timeout)
        finally:
            server.free.release()
    return new_process(words, cwd, variables, timeout)


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
        words = command[1:] if command[0] == sys.executable else command
        request = json.dumps({"command": words, "cwd": cwd, "environment": dict(environment)}).encode()
        (out, its_out), (err, its_err) = os.pipe(), os.pipe()
        socket.send_fds(self.connection, [NUMBER.pack(len(request))], [0, its_out, its_err])
        for end in (its_out, its_err):
            os.close(end)
        self.connection.sendall(request)
        child = self._number()
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

    def _number(self) -> int:
        found = self.connection.recv(NUMBER.size, socket.MSG_WAITALL)
        assert len(found) == NUMBER.size, f"the server has ended: {self.process.communicate()[1]}"
        number: int = NUMBER.unpack(found)[0]
        return number


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
        process.communicate()

    atexit.register(end)
    return _Server(process, ours, environment)
