"""Observation of an import: its environment variables, its files, and reads that cannot be checked later."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fft_core.project.python.stand_ins import Variables

# Events of Python's audit hooks after which the same file may have another result next time.
_OUTSIDE = (
    "socket.connect",
    "socket.getaddrinfo",
    "subprocess.Popen",
    "os.system",
    "os.scandir",
    "sqlite3.connect",
)
_IMPORT = "<frozen importlib"
_OF_THE_SYSTEM = ("/proc/", "/sys/", "/dev/")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class _Observing(Variables):
    """Variables that record which of them are read."""

    def __init__(self, environment: Mapping[str, str], read: set[str]) -> None:
        super().__init__(environment)
        self.read = read

    def __getitem__(self, name: str) -> str:
        self.read.add(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self.read.add(str(name))
        return super().__contains__(name)

    def __iter__(self) -> Iterator[str]:
        self.read.add("*")
        return super().__iter__()


class Observed:
    """An observer of this process, active until the process ends.

    Args:
        root: The folder of the project. Files elsewhere count, too, unless they belong to Python or its packages.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._read: set[str] = set()
        self._files: dict[str, None] = {}
        self._outside: set[str] = set()
        installed = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
        self._installed = (
            *_OF_THE_SYSTEM,
            *map(str, installed),
            str(Path(__file__).parents[2]),
            sys.prefix,
            sys.base_prefix,
        )
        sys.addaudithook(self._audit)

    def environment(self, environment: Mapping[str, str]) -> Mapping[str, str]:
        """Return variables that record their reads."""
        return _Observing(environment, self._read)

    def told(self) -> dict[str, object]:
        """Return the names of variables, the paths of files, and whether the import read nothing else."""
        return {
            "variables": sorted(self._read),
            "files": list(self._files),
            "is_complete": not self._outside and "*" not in self._read,
        }

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            self._opened(arguments)
        elif event in _OUTSIDE or (event == "os.listdir" and not _is_import()):
            self._outside.add(event)

    def _opened(self, arguments: tuple[Any, ...]) -> None:
        path, mode, flags = arguments
        is_written = set(mode) & set("wax+") if isinstance(mode, str) else flags & _WRITES
        if not isinstance(path, str | Path) or is_written:
            return
        text = str(Path(path).absolute())
        if not text.startswith(self._installed) or text.startswith(str(self._root)):
            self._files[text] = None


def _is_import() -> bool:
    """Return whether a folder is listed by Python's own search for modules."""
    frame = sys._getframe(2)
    return frame.f_code.co_filename.startswith(_IMPORT)
