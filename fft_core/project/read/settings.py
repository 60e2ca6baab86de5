"""Settings of one model, seed, source or check from several places: the nearest place wins, setting by setting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any

from fft_core.errors import Location, Problem
from fft_core.project.read.yaml_file import Key, YamlFile, shaped

MARK = "+"  # optional prefix of settings, to distinguish them from folders
_JOINED = ("tags", "owners")  # settings whose values from all places are joined
_ONE_NAME = {"database": "catalog"}


class Nearness(IntEnum):
    """The nearness of a place to its subject: a smaller number wins."""

    OWN = 0  # its own file
    BESIDE = 1  # YAML beside it
    NAMED = 2  # models.incremental in project.yml
    RULE = 3  # rules in project.yml, the last one first
    FOLDER = 4  # folders in project.yml, the deepest one first


@dataclass(frozen=True)
class Layer:
    """Settings in one place.

    Attributes:
        said: The values, by setting.
        place: The place.
        nearness: The kind of the place.
        places: The exact places of single settings, if known.
    """

    said: Mapping[str, Any]
    place: Location
    nearness: Nearness
    places: Mapping[str, Location] = field(default_factory=dict)

    def place_of(self, key: str) -> Location:
        """Return the place of a setting."""
        return self.places.get(key, self.place)


@dataclass(frozen=True)
class Settings:
    """The settings of one subject: all layers that apply to it, the nearest first."""

    layers: tuple[Layer, ...] = ()

    def get(self, key: str, default: Any = None) -> Any:
        """Return the effective value of a setting; tags and owners are those of all places together."""
        found = [layer.said[key] for layer in self.layers if layer.said.get(key) is not None]
        if key in _JOINED:
            return tuple(dict.fromkeys(value for values in found for value in values))
        return found[0] if found else default

    def layer_of(self, key: str) -> Layer | None:
        """Return the nearest layer with a setting."""
        return next((layer for layer in self.layers if layer.said.get(key) is not None), None)

    def place_of(self, key: str, default: Location) -> Location:
        """Return the place of the effective value of a setting."""
        layer = self.layer_of(key)
        return layer.place_of(key) if layer else default

    def places_of(self, key: str) -> tuple[Location, ...]:
        """Return the places of the effective value of a setting: one, except for tags and owners."""
        found = [layer.place_of(key) for layer in self.layers if layer.said.get(key) is not None]
        return tuple(dict.fromkeys(found if key in _JOINED else found[:1]))

    def is_near(self, key: str) -> bool:
        """Return whether a setting is for this subject itself, instead of for a folder or in a rule."""
        layer = self.layer_of(key)
        return layer is not None and layer.nearness < Nearness.RULE

    def below(self, *layers: Layer) -> Settings:
        """Return settings with more layers that are further away, in their order."""
        return Settings(tuple(sorted((*self.layers, *layers), key=lambda layer: layer.nearness)))

    def names(self) -> Iterator[str]:
        """Return the names of all settings in all layers, sorted."""
        yield from sorted({key for layer in self.layers for key, value in layer.said.items() if value is not None})


def read_layer(
    shape: Any,
    said: Mapping[str, Any],
    file: YamlFile,
    at: tuple[Key, ...],
    nearness: Nearness,
    problems: list[Problem],
) -> Layer | None:
    """Read a mapping of settings, whose names may begin with `+`; None if a part of it is invalid.

    Args:
        shape: A shape with a method `written()`, which returns the values by setting.
        said: The mapping.
        file: The file of the mapping.
        at: The keys of the mapping in the file.
        nearness: The kind of the place.
        problems: The list to which problems are added.
    """
    plain = {str(name).removeprefix(MARK): value for name, value in said.items()}
    lines: dict[tuple[Key, ...], int] = {(): file.location(at).line or 1}
    lines |= {(str(name).removeprefix(MARK),): file.location((*at, name)).line or 1 for name in said}
    found = shaped(shape, plain, YamlFile(file.path, plain, lines))
    if isinstance(found, list):
        shown = ".".join(map(str, at))
        problems.extend(replace(p, message=f"{shown}: {p.message.replace(' in the file', '')}") for p in found)
        return None
    return Layer(found.written(), file.location(at), nearness, places_of(said, file, at))


def places_of(names: Iterable[str], file: YamlFile, at: tuple[Key, ...]) -> dict[str, Location]:
    """Return the place of each setting of a mapping, by its name without aliases and without the prefix `+`."""
    plain = {name: str(name).removeprefix(MARK) for name in names}
    return {_ONE_NAME.get(said, said): file.location((*at, name)) for name, said in plain.items()}
