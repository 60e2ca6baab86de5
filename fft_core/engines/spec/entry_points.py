"""The entry points of installed packages in FFT's groups, whose names begin with `fft.`, and the packages' versions.

They are read from the metadata of the packages, which takes one or two milliseconds. Importing `importlib.metadata`
takes longer than a plan of a small project; it is used only if packages may lie elsewhere than in folders.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fft_core.errors import EngineError

_OURS = "fft."


@dataclass(frozen=True)
class Entry:
    """An entry point of a package.

    Attributes:
        group: The group, which is the kind of object: `fft.engines`, `fft.faces`.
        name: Its name in the group.
        value: The place of the object: `module:NAME`.
        distribution: The package, with its version.
    """

    group: str
    name: str
    value: str
    distribution: str

    def load(self, what: str) -> object:
        """Import the object; `what` is its kind, for the message.

        Raises:
            EngineError: the module cannot be imported, or does not have the object.
        """
        module, _, attribute = self.value.partition(":")
        try:
            loaded: object = getattr(importlib.import_module(module.strip()), attribute.strip())
        except Exception as error:  # the import of a package can raise any exception
            said = f"{what} {self.name!r} of {self.distribution} cannot be loaded: {type(error).__name__}: {error}"
            raise EngineError(said, hint=f"It is declared as {self.value!r}.", code="FFT-203") from error
        return loaded


def declared(group: str) -> Mapping[str, tuple[Entry, ...]]:
    """Return the entries of a group by name; two packages can declare one name. Nothing is imported."""
    return _installed_on(tuple(sys.path)).entries.get(group, {})


def installed_version(package: str) -> str:
    """Return the version of an installed package; "" if it is not installed."""
    return _installed_on(tuple(sys.path)).versions.get(_normalized(package), "")


@dataclass(frozen=True)
class _Installed:
    """The entries of all packages by group and name, and the versions of the packages by name."""

    entries: Mapping[str, Mapping[str, tuple[Entry, ...]]]
    versions: Mapping[str, str]


@lru_cache(maxsize=4)
def _installed_on(path: tuple[str, ...]) -> _Installed:
    """Read the metadata of all packages; of a package that is installed twice, the first on the path counts."""
    versions, found = dict[str, str](), dict[str, dict[str, tuple[Entry, ...]]]()
    for name, distribution, text in _metadata(path):
        if name in versions:
            continue
        versions[name] = distribution.partition(" ")[2]
        for entry in _parsed(text, distribution):
            group = found.setdefault(entry.group, {})
            group[entry.name] = (*group.get(entry.name, ()), entry)
    return _Installed(found, versions)


def _metadata(path: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """Yield the packages: the normalized name, the name with its version, and the text of the entry points."""
    if any(hasattr(finder, "find_distributions") for finder in sys.meta_path if not _is_path_finder(finder)):
        yield from _by_importlib()
        return
    for folder in path:
        if _is_file(Path(folder)):  # a zip file
            yield from _by_importlib()
            return
    for folder in dict.fromkeys(path):
        yield from _in_folder(folder or ".")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except PermissionError:  # one of its folders cannot be read: Python's import skips it, too
        return False


def _is_path_finder(finder: object) -> bool:
    return getattr(finder, "__module__", "") == "_frozen_importlib_external"


def _in_folder(folder: str) -> Iterator[tuple[str, str, str]]:
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError:
        return
    for name in names:
        found = re.fullmatch(r"(.+?)(?:-([^-]+)(?:-[^-]+)?)?\.(?:dist-info|egg-info)", name)
        if found is None:
            continue
        try:
            text = Path(folder, name, "entry_points.txt").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            text = ""  # no entry points; it hides a later package of its name
        yield _normalized(found[1]), f"{found[1].replace('_', '-')} {found[2] or ''}".strip(), text


def _by_importlib() -> Iterator[tuple[str, str, str]]:
    from importlib.metadata import distributions

    for distribution in distributions():
        name = distribution.metadata["Name"] or ""
        text = distribution.read_text("entry_points.txt") or ""
        yield _normalized(name), f"{name} {distribution.version}", text


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _parsed(text: str, distribution: str) -> Iterator[Entry]:
    if _OURS not in text:
        return
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            group = line.strip("[]").strip()
        elif group.startswith(_OURS) and "=" in line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            yield Entry(group, name.strip(), value.partition("[")[0].strip(), distribution)
