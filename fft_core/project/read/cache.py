"""The project as last read, in the user's cache folder: loading unchanged files needs no parsing."""

from __future__ import annotations

import sys
from pathlib import Path

from fft_core.project.model import Project
from fft_core.project.read.cache_folder import ProjectCache
from fft_core.project.read.files import find_package_files
from fft_core.project.read.plain_pickle import is_whole, plain_bytes, plain_value
from fft_core.version import VERSION

FILE = "project.pickle"
FORMAT = 30  # increase it if the types of a project change


def cached_project(root: Path, key: str) -> Project | None:
    """Return the project stored under this key; None if the cache holds another one, or cannot be read."""
    head, _, body = (ProjectCache(root).read(FILE) or b"").partition(b"\n")
    project = _loaded(body) if head == _head(root, key) else None
    return project if project is not None and _packages_are_unchanged(project) else None


def last_loaded(root: Path | str) -> Project | None:
    """Return the project as last loaded, even if files changed since, with an empty environment; None without one.

    For callers that need speed rather than the current state, such as shell completion.
    """
    root = Path(root).resolve()
    head, _, body = (ProjectCache(root).read(FILE) or b"").partition(b"\n")
    return _loaded(body) if head.startswith(_head(root, "")) else None


def keep_project(project: Project, key: str) -> None:
    """Store a project, which has no environment yet, if the user's cache folder can be written to."""
    content = plain_bytes(project)
    if content is not None:
        ProjectCache(project.root).write(FILE, _head(project.root, key) + b"\n" + content)


def _packages_are_unchanged(project: Project) -> bool:
    """Return whether the files of packages are unchanged. The key of the cache covers the list of packages."""
    return all(find_package_files(package.home).digest() == package.digest for package in project.packages.values())


def _head(root: Path, key: str) -> bytes:
    return f"{FORMAT} {VERSION} {sys.version_info[:2]} {root} {key}".encode(errors="surrogateescape")


def _loaded(body: bytes) -> Project | None:
    project = plain_value(body)
    return project if isinstance(project, Project) and is_whole(project, Project) else None
