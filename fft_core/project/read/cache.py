"""The project as last read, kept in the user's cache folder: a load of unchanged files needs no parsing."""

from __future__ import annotations

import sys
from pathlib import Path

from fft_core.project.model import Project
from fft_core.project.read.cache_folder import ProjectCache
from fft_core.project.read.files import find_package_files
from fft_core.project.read.plain_pickle import is_whole, plain_bytes, plain_value
from fft_core.version import VERSION

FILE = "project.pickle"
FORMAT = 29  # counted up when the types of a project change


def cached_project(root: Path, key: str) -> Project | None:
    """Give the project that was kept under this key; None where it is another one, or cannot be read."""
    head, _, body = (ProjectCache(root).read(FILE) or b"").partition(b"\n")
    project = _loaded(body) if head == _head(root, key) else None
    return project if project is not None and _packages_are_unchanged(project) else None


def last_loaded(root: Path | str) -> Project | None:
    """Give the project as last loaded, whatever has changed since; None where none was kept. Its environment is empty.

    For what must be quick and need not be right, as a shell's completion.
    """
    root = Path(root).resolve()
    head, _, body = (ProjectCache(root).read(FILE) or b"").partition(b"\n")
    return _loaded(body) if head.startswith(_head(root, "")) else None


def keep_project(project: Project, key: str) -> None:
    """Keep a project, which has no environment yet, where the user's cache folder can be written to."""
    content = plain_bytes(project)
    if content is not None:
        ProjectCache(project.root).write(FILE, _head(project.root, key) + b"\n" + content)


def _packages_are_unchanged(project: Project) -> bool:
    """Whether the files of packages say what they said: which packages there are is part of the key."""
    return all(find_package_files(package.home).digest() == package.digest for package in project.packages.values())


def _head(root: Path, key: str) -> bytes:
    return f"{FORMAT} {VERSION} {sys.version_info[:2]} {root} {key}".encode(errors="surrogateescape")


def _loaded(body: bytes) -> Project | None:
    project = plain_value(body)
    return project if isinstance(project, Project) and is_whole(project, Project) else None
