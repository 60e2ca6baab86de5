"""The project as last read, kept in its folder: a load of unchanged files needs no parsing."""

from __future__ import annotations

import builtins
import io
import pickle
import sys
import tempfile
from pathlib import Path
from typing import Any

from fft_core.project.files import find_package_files
from fft_core.project.model import Project
from fft_core.version import VERSION

FILE = Path(".fastflowtransform") / "cache" / "project.pickle"
FORMAT = 13  # counted up when the types of a project change
_OURS = frozenset({"fft_core.project.model", "fft_core.project.unit_test", "fft_core.csv_format", "fft_core.errors"})
_UNREADABLE = (pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError, TypeError, ValueError)
_PLAIN = frozenset({"set", "frozenset", "complex", "bytearray"})


def cached_project(root: Path, key: str) -> Project | None:
    """Give the project that was kept under this key; None where it is another one, or cannot be read."""
    try:
        content = (root / FILE).read_bytes()
        head, _, body = content.partition(b"\n")
        if head != _head(root, key):
            return None
        project = _Unpickler(io.BytesIO(body)).load()
    except (OSError, *_UNREADABLE):
        return None
    return project if isinstance(project, Project) and _packages_are_unchanged(project) else None


def last_loaded(root: Path | str) -> Project | None:
    """Give the project as last loaded, whatever has changed since; None where none was kept. Its environment is empty.

    For what must be quick and need not be right, as a shell's completion.
    """
    root = Path(root).resolve()
    try:
        head, _, body = (root / FILE).read_bytes().partition(b"\n")
        project = _Unpickler(io.BytesIO(body)).load() if head.startswith(_head(root, "")) else None
    except (OSError, *_UNREADABLE):
        return None
    return project if isinstance(project, Project) else None


def keep_project(project: Project, key: str) -> None:
    """Keep a project, which has no environment yet; a folder that cannot be written to is left alone."""
    path = project.root / FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(_head(project.root, key) + b"\n" + pickle.dumps(project))
        Path(file.name).replace(path)
    except OSError:
        return


def _packages_are_unchanged(project: Project) -> bool:
    """Whether the files of packages say what they said: which packages there are is part of the key."""
    return all(find_package_files(package.home).digest() == package.digest for package in project.packages.values())


def _head(root: Path, key: str) -> bytes:
    return f"{FORMAT} {VERSION} {sys.version_info[:2]} {root} {key}".encode()


class _Unpickler(pickle.Unpickler):
    """Makes values of the project's own types only: a file that came with somebody's project can run nothing."""

    def find_class(self, module: str, name: str) -> Any:
        if module in _OURS:
            return super().find_class(module, name)
        if module in ("pathlib", "pathlib._local") and name.endswith("Path"):
            return super().find_class(module, name)
        if module == "datetime" and name in ("date", "datetime", "time", "timedelta", "timezone"):
            return super().find_class(module, name)
        if module == "builtins" and name in _PLAIN:
            return getattr(builtins, name)
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a project")
