"""Settings by folder in project.yml: `models: {staging: {+schema: stg}}`, and those of seeds, sources and checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fft_core.errors import Problem, nearest
from fft_core.project.read.settings import MARK, Layer, Nearness, read_layer
from fft_core.project.read.yaml_file import Key, YamlFile
from fft_core.project.shapes.shape import Shape

_ANY = "*"  # not a valid name of a package


@dataclass(frozen=True)
class Item:
    """A node or check to which settings by folder can apply.

    Attributes:
        parts: The folders above it, and its name.
        package: The name of its package; None for the project's own.
    """

    parts: tuple[str, ...]
    package: str | None = None


@dataclass(frozen=True)
class _At:
    """A folder in project.yml: of any package, of one, or of the project itself (None)."""

    parts: tuple[str, ...]
    package: str | None
    layer: Layer

    def holds(self, item: Item) -> bool:
        return self.package in (_ANY, item.package) and item.parts[: len(self.parts)] == self.parts


class FolderSettings:
    """The settings of one section of project.yml."""

    def __init__(self, found: Iterable[_At] = ()) -> None:
        self._found = sorted(found, key=lambda at: len(at.parts), reverse=True)  # stable: a package's follow its own

    def of(self, *items: Item) -> tuple[Layer, ...]:
        """Return the settings of an item, those of the deepest folder first; an item may have several names."""
        return tuple(at.layer for at in self._found if any(at.holds(item) for item in items))


@dataclass(frozen=True)
class Section:
    """A section of project.yml.

    Attributes:
        keys: Its path in the file.
        shape: The shape of its settings, see `read_layer`.
        holds: The word for its items in messages.
    """

    keys: tuple[Key, ...]
    shape: type[Shape]
    holds: str


def read_folders(
    section: Section,
    content: Mapping[str, Any],
    file: YamlFile,
    items: Iterable[Item],
    owners: Mapping[str, str | None],
    problems: list[Problem],
) -> FolderSettings:
    """Read a section. A key is a folder, the name of an item, or a setting, which may begin with `+`.

    Args:
        section: The section.
        content: Its content.
        file: project.yml.
        items: The items to which it can apply.
        owners: The names that the first level may have beside folders: the project's, and those of packages.
        problems: The list to which problems are added.
    """
    reading = _Reading(section, file, _known(items), owners, problems)
    return FolderSettings(reading.folder(content, section.keys, (), _ANY))


def _known(items: Iterable[Item]) -> Mapping[str | None, frozenset[tuple[str, ...]]]:
    """Return all folders and names, by package."""
    found: dict[str | None, set[tuple[str, ...]]] = {None: set()}
    for item in items:
        found.setdefault(item.package, set()).update(item.parts[:n] for n in range(1, len(item.parts) + 1))
    return {package: frozenset(parts) for package, parts in found.items()}


@dataclass(frozen=True)
class _Reading:
    section: Section
    file: YamlFile
    known: Mapping[str | None, frozenset[tuple[str, ...]]]
    owners: Mapping[str, str | None]
    problems: list[Problem]

    def folder(
        self, content: Mapping[str, Any], keys: tuple[Key, ...], parts: tuple[str, ...], package: str | None
    ) -> Iterator[_At]:
        """Read the settings of a folder and of those below it."""
        said: dict[str, str] = {}
        for key in map(str, content):
            inner = self._inner(key, content[key], parts, package)
            if inner is None:
                self._set(key, content[key], (*keys, key), parts, package, said)
            elif isinstance(content[key], Mapping):
                yield from self.folder(content[key], (*keys, key), *inner)
            elif content[key] is not None:
                where, name = self.file.location((*keys, key)), ".".join(map(str, (*keys, key)))
                self.problems.append(Problem(f"{name} must be a mapping of settings", where, code="FFT-106"))
        layer = self._layer(said, content, keys) if said else None
        if layer is not None:
            yield _At(parts, package, layer)

    def _inner(
        self, key: str, value: object, parts: tuple[str, ...], package: str | None
    ) -> tuple[tuple[str, ...], str | None] | None:
        """Return the parts and the owner that a key names; None if the key is not a folder."""
        owner = None if package == _ANY else package
        if key.startswith(MARK):
            return None
        if (*parts, key) in self.known.get(owner, ()) and (key not in self._settings or _has_marks(value)):
            return (*parts, key), owner
        if not parts and package == _ANY and key in self.owners and key not in self._settings:
            return (), self.owners[key]
        return None

    def _set(
        self,
        key: str,
        value: object,
        at: tuple[Key, ...],
        parts: tuple[str, ...],
        package: str | None,
        said: dict[str, str],
    ) -> None:
        """Add a setting, or the problem that the key is neither a setting nor a folder."""
        name = key.removeprefix(MARK)
        if name in self._settings and name not in said:
            said[name] = key
            return
        where, shown = self.file.location(at), ".".join(map(str, at[:-1]))
        if name in said:
            self.problems.append(Problem(f"{shown} sets {name!r} twice", where, "Remove one of them.", code="FFT-120"))
        elif isinstance(value, Mapping) and not key.startswith(MARK):
            owner = None if package == _ANY else package
            folders = sorted({p[len(parts)] for p in self.known.get(owner, ()) if p[: len(parts)] == parts != p})
            near = nearest(key, [*folders, *self._settings])
            hint = near or f"There is {', '.join(folders)}." if folders else near
            self.problems.append(
                Problem(
                    f"{shown}: {key!r} is not a folder or name of {self.section.holds}", where, hint, code="FFT-113"
                )
            )
        else:
            hint = nearest(name, self._settings) or f"Settings: {', '.join(sorted(self._settings))}."
            self.problems.append(
                Problem(f"{shown}: {key!r} is not a setting of {self.section.holds}", where, hint, code="FFT-101")
            )

    @property
    def _settings(self) -> Sequence[str]:
        return [field.alias or name for name, field in self.section.shape.model_fields.items()]

    def _layer(self, said: Mapping[str, str], content: Mapping[str, Any], keys: tuple[Key, ...]) -> Layer | None:
        written = {key: content[key] for key in said.values()}
        return read_layer(self.section.shape, written, self.file, keys, Nearness.FOLDER, self.problems)


def _has_marks(value: object) -> bool:
    return isinstance(value, Mapping) and any(str(key).startswith(MARK) for key in value)
