"""Run as a script by `fft_process`: import what `fft` needs once, and fork a process for each command asked for.

It runs one command at a time. For another one beside it, it forks a server like itself, on a socket of its own.
This process opens no database, reads no project and has one thread, so that a fork of it is as good as a new process.
It has its own arguments, environment, folder, standard streams, signal handlers, exit functions and exit code.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import pkgutil
import runpy
import signal
import socket
import struct
import sys
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from types import ModuleType
from typing import Any

OURS = ("fft_core", "fft_cli", "fft_dagster")
# Two act when they are imported; the third imports dagster_duckdb, and a session asks if that has been imported.
LEFT_OUT = ("fft_cli.__main__", "fft_dagster.location", "fft_dagster.duckdb_resource")
# They import much: pytest, and drivers.
NOT_FOR_COMMANDS = (
    "fft_core.testing",
    *(f"fft_core.engines.{one}." for one in ("snowflake", "bigquery", "databricks")),
    "fft_dagster.celery.",
)
# What ours and Dagster import in functions. Not numpy, pandas, pyarrow and polars: they start threads.
LATE = (
    "duckdb",
    "jinja2.ext",
    "rich.live",
    "sqlglot.dialects.duckdb",
    "upath.implementations.local",
    "dagster._core.definitions.external_asset",
    "dagster._core.definitions.repository_definition.repository_data_builder",
    "dagster._core.instance.factory",
    "dagster._core.instance.runs.run_domain",
    "dagster._core.secrets.env_file",
    "dagster._core.storage.migration.utils",
    "dagster._core.storage.noop_compute_log_manager",
    "dagster._core.storage.root",
    "dagster._core.system_config.composite_descent",
)
NUMBER = struct.Struct("!q")
ANOTHER = -1  # asks for another server, where else the length of a request comes


def import_early() -> None:
    for package in map(import_module, OURS):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if found.name not in LEFT_OUT and not found.name.startswith(NOT_FOR_COMMANDS):
                import_module(found.name)
    for name in LATE:
        import_module(name)


def received(connection: socket.socket, length: int) -> bytes:
    found = b""
    while len(found) < length:
        part = connection.recv(length - len(found))
        found += part or os._exit(0)  # the tests have ended
    return found


def request_for_child(connection: socket.socket) -> dict[str, Any]:
    """Answer each request with a process id and then its exit code; return the request in the child alone."""
    while True:
        size, files, _, _ = socket.recv_fds(connection, NUMBER.size, 3)
        length = NUMBER.unpack(size or os._exit(0))[0]
        if length == ANOTHER:
            connection = in_another_server(connection, files)
            continue
        request: dict[str, Any] = json.loads(received(connection, length))
        child = os.fork()
        if child == 0:
            become(request, files, connection)
            return request
        for stream in files:
            os.close(stream)
        connection.sendall(NUMBER.pack(child))
        connection.sendall(NUMBER.pack(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))


def in_another_server(connection: socket.socket, files: list[int]) -> socket.socket:
    """Fork a server for the socket that came as a file; return the connection that this process serves from now on."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:  # others, which have ended
            continue
    its = socket.socket(fileno=files[0])
    its.set_inheritable(False)
    if os.fork():
        its.close()
        return connection
    connection.close()
    return its


def become(request: dict[str, Any], streams: list[int], connection: socket.socket) -> None:
    """Take what a new process gets from the one that starts it."""
    connection.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    vars(sys)["stdin"] = vars(sys)["__stdin__"] = standard_input()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])


def standard_input() -> TextIOWrapper:
    """Give what Python makes of the first stream when it starts: whether it can be sought is asked once."""
    binary = os.fdopen(0, "rb", closefd=False)
    vars(binary.raw)["name"] = "<stdin>"
    found = TextIOWrapper(binary, encoding=sys.stdin.encoding, errors=sys.stdin.errors, write_through=True)
    vars(found)["mode"] = "r"
    return found


def run(first: str, arguments: list[str]) -> None:
    """Do what `python` does with its arguments: `-m module`, `-c code`, or a script."""
    if first == "-m":
        sys.path.insert(0, str(Path.cwd()))
        sys.argv = arguments
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.path.insert(0, "")
        sys.argv = ["-c", *arguments[1:]]
        sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(arguments[0], "<string>", "exec"), vars(sys.modules["__main__"]))
    else:
        sys.path.insert(0, str(Path(first).resolve().parent))
        sys.argv = [first, *arguments]
        runpy.run_path(first, run_name="__main__")


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the tests, and with them this process
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.set_inheritable(False)
    del sys.path[0]  # the folder of this file
    atexit.register(gc.unfreeze)  # before all others, to run after them: DuckDB says on stderr what is there at the end
    import_early()
    gc.freeze()  # else each fork that looks for cycles goes through all that was imported, and copies it
    first, *arguments = request_for_child(connection)["command"]
    run(first, arguments)


if __name__ == "__main__":
    main()
