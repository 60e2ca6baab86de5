"""The files of a project: their paths, and a digest of their content."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fft_core.errors import Location, Problem, ProjectError
from fft_core.names import PYTHON_SUFFIX, SQL_SUFFIX
from fft_core.project.model import Home

GIT_PACKAGES = Path(".fastflowtransform") / "packages" / "git"
INSTALLED = "installed.json"  # beside each installed git package: its pin
_ALONE = ("project.yml", "sources.yml", "packages.yml", "packages.lock.yml", "budgets.yml")
SEEDS = Path("seeds")
SEEDS_VARIABLE = "FFT_SEEDS_DIR"
UNIT_TESTS = Path("tests") / "unit"
FIXTURES = Path("tests") / "fixtures"
_log = logging.getLogger(__name__)
MODELS = "models"
_READ_BELOW = (MODELS, "tests", "hooks")
_CHECKS = (SQL_SUFFIX, PYTHON_SUFFIX)
_TEXTS = (".sql", ".sql.j2", ".py", ".yml", ".yaml")


@dataclass(frozen=True)
class ProjectFiles:
    """Paths relative to the root, sorted; `seeds` is the folder of the seeds."""

    root: Path
    paths: tuple[Path, ...]
    seeds: Path = SEEDS

    def below(self, folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
        """List the files below a folder with one of these suffixes."""
        parts = folder.parts
        return [path for path in self.paths if path.parts[: len(parts)] == parts and path.name.endswith(suffixes)]

    @cached_property
    def digests(self) -> Mapping[Path, bytes]:
        """The digests of all files, by path, as of the first request; empty for rows of seeds, which loading skips."""
        seeds, root = self.seeds.parts, str(self.root)
        return {
            path: b"" if path.parts[: len(seeds)] == seeds and not path.name.endswith(_TEXTS) else _digest(root, path)
            for path in self.paths
        }

    def digest(self) -> str:
        """Return a digest of all paths, and of the content of files that loading reads, without rows of seeds."""
        digest = hashlib.sha256()
        for path, content in self.digests.items():
            digest.update(f"{path.as_posix()}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()


def _digest(root: str, path: Path) -> bytes:
    """Return the digest of a file, or a mark of a file that cannot be read, which the next reader reports."""
    try:
        with open(f"{root}/{path}", "rb", buffering=0) as file:  # noqa: PTH123 - a third of the time of pathlib
            return hashlib.sha256(file.read()).digest()
    except OSError:
        return b"unreadable"


def refuse_no_project(root: Path) -> None:
    """Raise ProjectError for a folder that is not a project."""
    if not (root / "project.yml").is_file():
        above = next((folder for folder in root.resolve().parents if (folder / "project.yml").is_file()), None)
        hint = f"Name the folder that holds project.yml, as in: fft build {above or 'path/to/project'}"
        raise ProjectError(
            [Problem("this is not an FFT project: project.yml is missing", Location(root), hint, code="FFT-102")]
        )


def seeds_folder(root: Path, environment: Mapping[str, str]) -> Path:
    """Return the folder of a project's seeds: seeds/, or the value of FFT_SEEDS_DIR, as documented for FFT.

    A missing folder causes a warning, and the project has no seeds.

    Raises:
        ProjectError: the folder is outside of the project's folder.
    """
    named = environment.get(SEEDS_VARIABLE)
    if not named:
        return SEEDS
    folder = Path(os.path.normpath(root / named))
    if folder == root or not folder.is_relative_to(root):
        hint = "Name a folder inside the project's folder, such as .local/seeds."
        raise ProjectError(
            [
                Problem(
                    f"environment variable {SEEDS_VARIABLE}: {named!r} is not a folder inside the project",
                    None,
                    hint,
                    code="FFT-160",
                )
            ]
        )
    if not folder.is_dir():
        _log.warning("%s: the folder %r does not exist, so the project has no seeds", SEEDS_VARIABLE, named)
    return folder.relative_to(root)


def find_files(root: Path, seeds: Path = SEEDS) -> ProjectFiles:
    """Find the files of a project; hidden files and folders are skipped, unless they hold the seeds."""
    alone = [Path(name) for name in _ALONE if (root / name).is_file()]
    installed = [path.relative_to(root) for path in sorted((root / GIT_PACKAGES).glob(f"*/{INSTALLED}"))]
    found = [path for folder in _READ_BELOW for path in _walk(root, folder)]
    found += _walk(root, str(seeds), all_kinds=True)
    return ProjectFiles(root, (*alone, *installed, *sorted(found)), seeds)


def find_package_files(home: Home) -> ProjectFiles:
    """Find the files of a package: its project.yml, and the files below its models."""
    alone = [Path("project.yml")] if (home.root / "project.yml").is_file() else []
    return ProjectFiles(home.root, (*alone, *sorted(_walk(home.root, str(home.models)))))


def _walk(root: Path, folder: str, *, all_kinds: bool = False) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        unread = Path(error.filename)
        where = unread.relative_to(root) if unread.is_relative_to(root) else unread
        raise ProjectError([Problem(f"cannot be read: {error.strerror}", Location(where), code="FFT-103")]) from error

    if not (root / folder).is_dir():
        return
    for path, folders, names in os.walk(root / folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__pycache__"]
        relative = Path(path).relative_to(root)
        for name in names:
            if not name.startswith(".") and (all_kinds or name.endswith(_texts_in(relative))):
                yield relative / name


def _texts_in(folder: Path) -> tuple[str, ...]:
    """Return the suffixes of the files to read in a folder; of tests/, only unit tests and custom checks."""
    if folder.parts[:2] == FIXTURES.parts:
        return (*_TEXTS, ".csv")
    return _TEXTS if folder.parts[0] != "tests" or folder.parts[:2] == UNIT_TESTS.parts else _CHECKS
