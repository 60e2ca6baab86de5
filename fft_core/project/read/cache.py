"""The project as last read, in the user's cache folder: loading unchanged files needs no parsing."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from fft_core.project.model import Model, Project
from fft_core.project.read.cache_folder import ProjectCache
from fft_core.project.read.files import find_package_files
from fft_core.project.read.plain_pickle import is_whole, plain_bytes, plain_value
from fft_core.version import VERSION

FILE, DIGESTS, EDITS = "project.pickle", "digests.pickle", "edits.pickle"
FORMAT = 32  # increase it if the types of a project change


def cached_project(root: Path, key: str) -> Project | None:
    """Return the project stored under this key; None if the cache holds another one, or cannot be read."""
    cache, wanted = ProjectCache(root), _head(root, key)
    head, _, body = (cache.read(FILE) or b"").partition(b"\n")
    edits_head, _, edits = (cache.read(EDITS) or b"").partition(b"\n") if head != wanted else (b"", b"", b"")
    project = _loaded(body) if wanted in (head, edits_head) else None
    if project is None or not _packages_are_unchanged(project):
        return None
    return project if head == wanted else _with_edits(project, head, edits)


def _with_edits(project: Project, head: bytes, edits: bytes) -> Project | None:
    """Return a project with its edited models; None if the edits are those of another project."""
    match plain_value(edits):
        case (bytes(base), conditions, dict(models)) if (base, conditions) == (head, project.conditions):
            if all(is_whole(model, Model) and name in project.models for name, model in models.items()):
                return replace(project, models={**project.models, **models})
    return None


@dataclass(frozen=True)
class LastRead:
    """A project as last read, of the same profile and engine, the digests of its files by path, and the cache's key."""

    project: Project
    digests: Mapping[Path, bytes]
    head: bytes


def last_read(root: Path, key: str) -> LastRead | None:
    """Return the project as last read under a key that differs in its first part, the digest of the files; else None.

    Packages and conditions are as they were then; the caller compares the files.
    """
    cache = ProjectCache(root)
    head, _, body = (cache.read(FILE) or b"").partition(b"\n")
    digests_head, _, said = (cache.read(DIGESTS) or b"").partition(b"\n")
    start, place = _head(root, ""), key.partition(":")[2].encode(errors="surrogateescape")
    if head != digests_head or not head.startswith(start) or head[len(start) :].partition(b":")[2] != place:
        return None
    digests, project = plain_value(said), _loaded(body)
    if project is None or not isinstance(digests, dict) or not _packages_are_unchanged(project):
        return None
    return LastRead(project, {Path(path): digest for path, digest in digests.items()}, head)


def last_loaded(root: Path | str) -> Project | None:
    """Return the project as last loaded, even if files changed since, with an empty environment; None without one.

    For callers that need speed rather than the current state, such as shell completion.
    """
    root = Path(root).resolve()
    head, _, body = (ProjectCache(root).read(FILE) or b"").partition(b"\n")
    return _loaded(body) if head.startswith(_head(root, "")) else None


def keep_project(project: Project, key: str, digests: Mapping[Path, bytes] = MappingProxyType({})) -> None:
    """Store a project, which has no environment yet, if the user's cache folder can be written to.

    `digests` are those of its files, by path.
    """
    content, head = plain_bytes(project), _head(project.root, key) + b"\n"
    if content is not None:
        cache = ProjectCache(project.root)
        said = plain_bytes({str(path): digest for path, digest in digests.items()})
        if said is not None:
            cache.write(DIGESTS, head + said)
        cache.write(FILE, head + content)


def keep_edits(last: LastRead, models: Mapping[str, Model], key: str) -> None:
    """Store the models that were edited since a project was read, beside that project."""
    content = plain_bytes((last.head, last.project.conditions, dict(models)))
    if content is not None:
        root = last.project.root
        ProjectCache(root).write(EDITS, _head(root, key) + b"\n" + content)


def _packages_are_unchanged(project: Project) -> bool:
    """Return whether the files of packages are unchanged. The key of the cache covers the list of packages."""
    return all(find_package_files(package.home).digest() == package.digest for package in project.packages.values())


def _head(root: Path, key: str) -> bytes:
    return f"{FORMAT} {VERSION} {sys.version_info[:2]} {root} {key}".encode(errors="surrogateescape")


def _loaded(body: bytes) -> Project | None:
    project = plain_value(body)
    return project if isinstance(project, Project) and is_whole(project, Project) else None
