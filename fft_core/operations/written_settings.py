"""The settings of a model or seed with their places in files, read again: a loaded project does not keep them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fft_core.errors import Location, RequestError, nearest
from fft_core.names import model_name
from fft_core.project.model import Project
from fft_core.project.read.files import find_files, seeds_folder
from fft_core.project.read.reader import Reader
from fft_core.project.shapes.shape import plain_value


@dataclass(frozen=True)
class WrittenSetting:
    """A setting in effect, as plain values, and its place."""

    name: str
    value: Any
    places: tuple[Location, ...]


def written_settings(project: Project, name: str) -> tuple[WrittenSetting, ...]:
    """Return the settings of a model or seed, by name.

    Raises:
        RequestError: no model or seed has that name.
        ProjectError: the files do not load any more.
    """
    environment = project.environment
    files = find_files(project.root, seeds_folder(project.root, environment))
    namespace = project.profiles.namespace(project.engine)
    reader = Reader(
        project.root,
        project.env,
        project.engine,
        files,
        [],
        environment=environment,
        namespace=namespace,
        warn=lambda *_: None,
        keeps=False,
    )
    reader.read()
    settings = reader.nodes.of(model_name(name))
    if settings is None:
        hint = nearest(model_name(name), [*project.models, *project.seeds])
        raise RequestError(f"{name!r} is not a model or seed", hint=hint, code="FFT-301")
    return tuple(
        WrittenSetting(key, plain_value(settings.get(key)), settings.places_of(key)) for key in settings.names()
    )
