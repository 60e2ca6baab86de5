"""Files that FFT wrote beside a project and can write again: reports, caches and logs, never rows or history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from fft_core.engines.spec.registry import installed_specs
from fft_core.errors import FftError, Location
from fft_core.project.read.cache_folder import ProjectCache
from fft_core.project.read.files import GIT_PACKAGES, refuse_no_project

_FOLDER = Path(".fastflowtransform")
# Versions before 0.2 kept the files of the user's cache folder in the project.
_WRITTEN = ("target", "logs", "ci", "cache/project.pickle", "cache/code.json")
_UNFINISHED = ("cache/tmp*", f"{GIT_PACKAGES.relative_to(_FOLDER)}/.new-*")  # left by killed processes


def find_leftovers(root: Path | str, *more: Path) -> tuple[Path, ...]:
    """List the removable files, and those below `more`; a database among them is left out.

    Raises:
        ProjectError: the folder is not a project.
    """
    root = Path(root).resolve()
    refuse_no_project(root)
    home = root / _FOLDER
    starts = [home / name for name in _WRITTEN] + [p for glob in _UNFINISHED for p in sorted(home.glob(glob))]
    starts += ProjectCache(root).files()
    found = [path for start in (*starts, *more) for path in _files(start)]
    return tuple(path for path in found if not _is_database(path))


def remove_leftovers(root: Path | str, paths: Iterable[Path]) -> None:
    """Remove files, and the project's folders that become empty. Raises FftError for a file that cannot be removed."""
    root = Path(root).resolve()
    cache = ProjectCache(root).folder
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise FftError(
                f"cannot be removed: {error.strerror}", where=Location(shown_path(root, path)), code="FFT-711"
            ) from error
        for folder in path.parents:
            is_below = folder == cache or (folder != root and folder.is_relative_to(root))
            if not is_below or any(folder.iterdir()):
                break
            folder.rmdir()


def shown_path(root: Path, path: Path) -> Path:
    """Return the display path of a file: relative to the project, if it is inside."""
    return path.relative_to(root) if path.is_relative_to(root) else path


def _files(start: Path) -> Iterator[Path]:
    """Yield the files below a folder, sorted; a link counts as a file, and is not followed."""
    if start.is_symlink() or start.is_file():
        yield start
    elif start.is_dir():
        for path in sorted(start.iterdir()):
            yield from _files(path)


def _is_database(path: Path) -> bool:
    """Return whether a file holds rows of an engine, or belongs to a file that does."""
    return not path.is_symlink() and any(spec.owns_file(path) for spec in installed_specs().values())
