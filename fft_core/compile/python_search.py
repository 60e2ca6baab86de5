"""The search for modules that a project's Python code may import: below its root, or on the path, not installed."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from fft_core.project.model import Home
from fft_core.project.python.stand_ins import FORMER_NAMES

_SUFFIXES = (".py", *EXTENSION_SUFFIXES, ".pyc")
_INSTALLED = frozenset({"site-packages", "dist-packages"})
_OURS = frozenset({"fft_core", "fft_dagster", *FORMER_NAMES})


@dataclass(frozen=True)
class Found:
    """A file of Python code; `key` is its path below the folder that it was found in."""

    path: Path
    key: str
    is_own: bool = True


@dataclass(frozen=True)
class _Folder:
    path: Path
    prefix: str
    is_own: bool = True


class Search:
    """Finder of the files of modules for one project or package. It looks at the disk once for each name."""

    def __init__(self, home: Home) -> None:
        self._root, self._models = home.root, home.models
        self._known: dict[tuple[str, _Folder | None], tuple[Found, ...]] = {}

    def own(self, path: Path) -> Found:
        """Return a file below the root."""
        return Found(self._root / path, path.as_posix())

    def files_of(self, module: str, importer: Found | None = None, level: int = 0) -> tuple[Found, ...]:
        """Return the files that the import of a dotted name runs: the packages on the way, and the module.

        Args:
            module: The name without the leading dots.
            importer: The file that imports it.
            level: The number of leading dots. A model's file has no package: a name with dots is searched like others.
        """
        own = self._package_of(importer, level) if importer and level else None
        if (module, own) not in self._known:
            folders = [own, *self._own_folders] if own else self._own_folders
            found = tuple(f for folder in folders for f in _files_of(module, folder))
            # as at run time: other folders are searched only for modules that the project does not have itself
            self._known[module, own] = found or tuple(f for other in self._others for f in _files_of(module, other))
        return self._known[module, own]

    def _package_of(self, importer: Found, level: int) -> _Folder | None:
        below = Path(importer.key).parents
        if level > len(below):
            return None
        prefix = below[level - 1].as_posix()
        return _Folder(importer.path.parents[level - 1], "" if prefix == "." else f"{prefix}/", importer.is_own)

    @cached_property
    def _own_folders(self) -> list[_Folder]:
        below = [path for path in _searched() if path.is_relative_to(self._root) and not _INSTALLED & set(path.parts)]
        paths = dict.fromkeys([self._root, self._root / self._models, *below])
        return [_Folder(path, _below(path, self._root)) for path in paths]

    @cached_property
    def _others(self) -> list[_Folder]:
        paths = [path for path in _searched() if not path.is_relative_to(self._root)]
        kept = [path for path in dict.fromkeys(paths) if path.is_dir() and not _is_of_python(path)]
        # the keys have no absolute path, and are the same in each process that searches the same folders
        names = [path.name + "'" * [other.name for other in kept[:n]].count(path.name) for n, path in enumerate(kept)]
        return [_Folder(path, f"../{name}/", is_own=False) for path, name in zip(kept, names, strict=True)]


def _searched() -> list[Path]:
    return [Path(entry).resolve() for entry in sys.path if entry]


def _below(path: Path, root: Path) -> str:
    relative = path.relative_to(root).as_posix()
    return "" if relative == "." else f"{relative}/"


def _is_of_python(path: Path) -> bool:
    """Return whether a folder holds installed packages, the standard library or scripts."""
    standard = {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "scripts")}
    return bool(_INSTALLED & set(path.parts)) or any(path in (folder, folder / "lib-dynload") for folder in standard)


def _files_of(module: str, folder: _Folder) -> Iterator[Found]:
    parts = [part for part in module.split(".") if part]
    if not folder.is_own and (not parts or parts[0] in _OURS):
        return
    if parts[-1:] == ["*"]:
        yield from _listed(folder, "/".join(parts[:-1]))
    for end in range(len(parts) + 1):
        base = "/".join(parts[:end])
        yield from _existing(folder, f"{base}/__init__" if base else "__init__")
        if base:
            yield from _existing(folder, base)


def _existing(folder: _Folder, stem: str) -> Iterator[Found]:
    for suffix in _SUFFIXES:
        path = folder.path / f"{stem}{suffix}"
        if path.is_file():
            yield Found(path, f"{folder.prefix}{stem}{suffix}", folder.is_own)


def _listed(folder: _Folder, package: str) -> Iterator[Found]:
    """Yield the modules that a package may name in its __all__, which `import *` imports."""
    init = folder.path / package / "__init__.py"
    if init.is_file() and "__all__" in init.read_text(encoding="utf-8", errors="replace"):
        prefix = f"{folder.prefix}{package}/" if package else folder.prefix
        for path in sorted(init.parent.glob("*.py")):
            yield Found(path, f"{prefix}{path.name}", folder.is_own)
