"""The places of the rows of served models: files of their versions, or relations with the record of their build."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from fft_core.build.served_files import (
    ServedManifest,
    Withheld,
    file_name,
    read_manifest,
    read_withheld,
    served_folder,
)
from fft_core.engines.reading import (
    NotThereError,
    Pin,
    Place,
    ReadColumn,
    Reader,
    open_file_reader,
    open_live_reader,
)
from fft_core.engines.spec.registry import spec_of
from fft_core.errors import ArtifactError
from fft_core.project.model import Project
from fft_core.project.places import planned_places
from fft_core.warehouse.records import TABLE
from fft_serve.problems import ProblemError


@dataclass(frozen=True)
class Version:
    """A published version of a model.

    Attributes:
        data_version: The version of the rows.
        built_at: The time of the build.
        run_id: The run of the build, if it had one.
        rows: The number of rows, if it is known.
        pin: What the version is compared by where the row numbers of two builds differ; empty for files.
        stamp: The mark of the build; empty for older files.
        inputs: The versions of the inputs, by name.
        checks: The results of the checks of the build, if they are known.
    """

    data_version: str
    built_at: datetime | None
    run_id: str | None
    rows: int | None
    pin: str = ""
    stamp: str = ""
    inputs: Mapping[str, str | None] | None = None
    checks: tuple[Mapping[str, Any], ...] | None = None


@dataclass(frozen=True)
class Look:
    """Return the place of the rows of a version, and the version, if the place holds no other one."""

    place: Place
    version: Version | None


class Sources(Protocol):
    """The published versions of the models of a project, and where their rows are."""

    @property
    def reader(self) -> Reader:
        """Reads the rows."""

    @property
    def is_live(self) -> bool:
        """Whether the rows are those of a database, whose version is known with the answer only."""

    def versions(self) -> Mapping[str, Version]:
        """Return the published version of each model, as far as they are known."""

    def version(self, model: str) -> Version:
        """Return the published version of a model. Raises ProblemError if there is none."""

    def look(self, model: str, data_version: str | None) -> Look:
        """Return where the rows of a version are, or those of now. Raises ProblemError if it is gone."""

    def columns(self, place: Place, stamp: str) -> tuple[ReadColumn, ...]:
        """Return the columns of a place; they are remembered for a stamp. Raises NotThereError."""

    def last_stamp(self, model: str) -> str:
        """Return the stamp of the version that was read last; it may be an older one by now."""

    def note_stamp(self, model: str, stamp: str) -> None:
        """Remember the stamp of the version that was read last."""

    def withheld(self, model: str) -> Withheld | None:
        """Return the build after the published version that published nothing."""

    def close(self) -> None:
        """Close the reader."""


class _Remembered:
    """Columns by place and stamp, a few hundred of them."""

    def __init__(self, reader: Reader) -> None:
        self._reader, self._lock = reader, threading.Lock()
        self._found: dict[tuple[object, str], tuple[ReadColumn, ...]] = {}

    def columns(self, place: Place, stamp: str) -> tuple[ReadColumn, ...]:
        key = (place.file or place.node, stamp)
        with self._lock:
            if key in self._found:
                return self._found[key]
        found = self._reader.columns(place)
        with self._lock:
            if len(self._found) > 500:
                self._found.clear()
            self._found[key] = found
        return found


class _Folders:
    """The files of served models."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def folder(self, model: str) -> Path:
        return served_folder(self._project.root, self._project.env, model)

    def manifest(self, model: str) -> ServedManifest | None:
        try:
            return read_manifest(self.folder(model))
        except ArtifactError as error:
            raise ProblemError("unavailable", f"the manifest of {model} cannot be read") from error

    def withheld(self, model: str) -> Withheld | None:
        try:
            return read_withheld(self.folder(model))
        except ArtifactError:  # a note about a build; the rows are not concerned
            return None


class FileSources:
    """Rows in immutable files, which builds write."""

    is_live = False

    def __init__(self, project: Project, before: Sources | None) -> None:
        self._project, self._folders = project, _Folders(project)
        root = served_folder(project.root, project.env, "any").parents[1]
        self.reader: Reader = before.reader if isinstance(before, FileSources) else open_file_reader(root)
        self._remembered = _Remembered(self.reader)

    def versions(self) -> Mapping[str, Version]:
        names = [name for name, model in self._project.models.items() if model.serve is not None]
        found = {name: self._folders.manifest(name) for name in names}
        return {name: _version(manifest) for name, manifest in found.items() if manifest is not None}

    def version(self, model: str) -> Version:
        return _version(self._manifest(model))

    def look(self, model: str, data_version: str | None) -> Look:
        manifest = self._manifest(model)  # read once: the place and the version are those of one build
        if data_version is None or data_version == manifest.data_version:
            if manifest.is_too_large or manifest.file is None:
                raise ProblemError("too_large_to_serve", f"the rows of {model} take more than FFT_SERVE_MAX_MB")
            return Look(Place(file=self._folders.folder(model) / manifest.file, node=model), _version(manifest))
        file = self._folders.folder(model) / file_name(data_version)
        if not file.exists():
            raise gone(model, manifest.data_version)
        return Look(Place(file=file, node=model), Version(data_version, None, None, None))

    def columns(self, place: Place, stamp: str) -> tuple[ReadColumn, ...]:
        return self._remembered.columns(place, "")

    def last_stamp(self, model: str) -> str:
        return ""

    def note_stamp(self, model: str, stamp: str) -> None:
        pass

    def withheld(self, model: str) -> Withheld | None:
        return self._folders.withheld(model)

    def close(self) -> None:
        self.reader.close()

    def _manifest(self, model: str) -> ServedManifest:
        found = self._folders.manifest(model)
        if found is None:
            raise not_built(model)
        return found


class LiveSources:
    """Rows in relations of a database that many can read while it is written to."""

    is_live = True

    def __init__(self, project: Project, seconds: float, before: Sources | None) -> None:
        settings = project.profiles.active(engine=project.engine).settings
        self._project, self._folders, self._seconds = project, _Folders(project), seconds
        self._spec = spec_of(project.engine)
        self._settings = dict(settings)
        is_same = isinstance(before, LiveSources) and before._spec == self._spec and before._settings == self._settings
        self.reader: Reader = before.reader if before and is_same else open_live_reader(self._spec, settings)
        self._places = planned_places(project)
        self._stamps: dict[str, str] = {}
        namespace = self._spec.namespace(settings)
        self._records = namespace.relation(TABLE)
        self._remembered = _Remembered(self.reader)

    def versions(self) -> Mapping[str, Version]:
        table = self._records.sql(self.reader.spelling)
        sql = f"select node_name, relation, {_FACTS} from {table} order by built_at"
        try:
            rows = self.reader.fetch(sql, (), self._seconds)
        except NotThereError:  # nothing was ever built
            return {}
        found = {node: _recorded(facts) for node, relation, *facts in rows if relation == str(self._places.of(node))}
        return {node: self._completed(node, version) for node, version in found.items()}

    def version(self, model: str) -> Version:
        table = self._records.sql(self.reader.spelling)
        sql = f"select {_FACTS} from {table} where node_name = $1 and relation = $2 order by built_at desc limit 1"
        try:
            rows = self.reader.fetch(sql, (model, str(self._places.of(model))), self._seconds)
        except NotThereError:
            rows = []
        if not rows:
            raise not_built(model)
        return self._completed(model, _recorded(rows[0]))

    def _completed(self, model: str, found: Version) -> Version:
        """Add the checks and the inputs of the build, which are known of served models."""
        node = self._project.models.get(model)
        manifest = self._folders.manifest(model) if node is not None and node.serve is not None else None
        if manifest is None or manifest.stamp != found.stamp:
            return found
        known = _version(manifest)
        return Version(**{**vars(found), "checks": known.checks, "inputs": known.inputs})

    def look(self, model: str, data_version: str | None) -> Look:
        return Look(Place(relation=self._places.of(model), node=model, records=self._records), None)

    def columns(self, place: Place, stamp: str) -> tuple[ReadColumn, ...]:
        return self._remembered.columns(place, stamp)

    def last_stamp(self, model: str) -> str:
        if model not in self._stamps:
            self._stamps[model] = self.version(model).stamp
        return self._stamps[model]

    def note_stamp(self, model: str, stamp: str) -> None:
        self._stamps[model] = stamp

    def withheld(self, model: str) -> Withheld | None:
        return self._folders.withheld(model)

    def close(self) -> None:
        self.reader.close()


_FACTS = "data_version, stamp, built_at, run_id, row_count"


def open_sources(project: Project, seconds: float, before: Sources | None = None) -> Sources:
    """Open the sources of a project: its database if many can read it, or else the files of its builds.

    The reader of the project as it was before, with its connections, is used again if it reads the same database.
    """
    is_live = bool(spec_of(project.engine).reader)
    return LiveSources(project, seconds, before) if is_live else FileSources(project, before)


def gone(model: str, now: str) -> ProblemError:
    """Return the error of a walk whose version no longer exists."""
    said = f"{model} was built again: the rows of this walk are gone. Begin again without the cursor."
    return ProblemError("version_gone", said, data_version=now)


def not_built(model: str) -> ProblemError:
    """Return the error of a model without published rows."""
    said = f"{model} has no published rows that can be served: build it with `fft build`"
    return ProblemError("not_built", said, headers={"Retry-After": "10"})


def pinned_version(pin: Pin) -> Version:
    """Return the version of an answer of a database."""
    return Version(
        pin.data_version,
        _time(pin.built_at),
        pin.run_id,
        pin.rows,
        f"{pin.stamp} {pin.layout}",
        pin.stamp,
    )


def _version(manifest: ServedManifest) -> Version:
    return Version(
        manifest.data_version,
        manifest.built_at,
        manifest.run_id,
        manifest.rows,
        "",
        manifest.stamp,
        manifest.inputs,
        manifest.checks,
    )


def _recorded(facts: Any) -> Version:
    data_version, stamp, built_at, run_id, rows = facts
    count = int(rows) if rows is not None else None
    return Version(data_version or "", _time(built_at), run_id, count, "", stamp or "")


def _time(text: object) -> datetime | None:
    """Read the time of a record, which is in UTC."""
    if text is None:
        return None
    found = text if isinstance(text, datetime) else datetime.fromisoformat(str(text))
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
