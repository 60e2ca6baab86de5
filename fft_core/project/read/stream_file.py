"""The reader of *.ff.yml files, each of which is a model that is a stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fft_core.engines.spec.registry import installed_specs
from fft_core.engines.spec.written_sql import event_time_problem, read_aggregate, type_problem
from fft_core.errors import Location, Problem
from fft_core.names import STREAM_SUFFIX, model_name
from fft_core.names.csv_columns import twice
from fft_core.names.sessions import reserved_names, taken_key, taken_measures
from fft_core.project.model import (
    Incremental,
    Materialization,
    Model,
    Sessions,
    StreamBody,
    StreamSource,
)
from fft_core.project.read.parse import Draft, Reading, model_settings, usable_name
from fft_core.project.read.settings import Layer, Nearness, Settings, places_of
from fft_core.project.read.yaml_file import YamlFile, parse_yaml, shaped
from fft_core.project.shapes.model_config import IndexShape
from fft_core.project.shapes.shape import plain_value
from fft_core.project.shapes.streams import StreamShape


def stream_draft(text: str, path: Path, reading: Reading) -> list[Draft]:
    """Read a *.ff.yml file: one model, or none if it cannot be read."""
    file = parse_yaml(text, path)
    if isinstance(file, Problem):
        reading.problems.append(file)
        return []
    shape = shaped(StreamShape, file.content, file)
    if isinstance(shape, list):
        reading.problems.extend(shape)
        return []
    logical, where = path.name.removesuffix(STREAM_SUFFIX), file.location(("kind",))
    if not usable_name(logical, Location(path), reading.problems):
        return []
    reading.problems.extend(_problems(shape, file, reading.scope.engine))
    places = places_of(map(str, file.content), file, ())
    own = Layer(shape.written(), where, Nearness.OWN, places)

    def make(settings: Settings, problems: list[Problem]) -> Model:
        model = _model(model_name(logical), path, shape, settings, replace(reading, problems=problems))
        lines = {".".join(map(str, keys)): line for keys, line in file.lines.items() if len(keys) in (1, 2)}
        return replace(model, body=replace(_body(shape), lines=lines))

    return [Draft(model_name(logical), path, where, own, make)]


def _model(name: str, path: Path, shape: StreamShape, settings: Settings, reading: Reading) -> Model:
    made = Model(
        name=name,
        path=path,
        body=_body(shape),
        materialization=_materialization(shape, settings),
        description=settings.get("description"),
        **model_settings(name, settings, (), path, reading, reading.problems),
    )
    if shape.sink != "sessions":
        return made
    index = IndexShape(columns=["session_end"]).attachment(name)  # sessions are queried by time ranges
    return replace(made, attached=(*made.attached, index), attached_at=made.attached_at or Location(path))


def _problems(shape: StreamShape, file: YamlFile, engine: str) -> Iterator[Problem]:
    """Find the types and measures that are wrong in any database of an engine."""
    times, ids = ([name] if name else [] for name in (shape.event_time, shape.event_id))
    named = {"key": shape.key, "event_time": times, "event_id": ids, "measures": shape.measures}
    for setting, name, message in reserved_names({**named, "columns": shape.columns}):
        where = file.location((setting, name) if setting in ("measures", "columns") else (setting,))
        yield Problem(message, where, "Use another name; rename it in the events.", code="FFT-804")
    for setting, names in (("key", shape.key), ("columns", shape.columns)):
        if again := twice(names):
            where = file.location((setting, again) if setting == "columns" else (setting,))
            yield Problem(f"{setting}: {again!r} occurs twice", where, "Remove one of them.", code="FFT-804")
    specs = installed_specs()
    dialect = specs[engine].dialect if engine in specs else ""

    def is_time(name: str) -> bool:
        return shape.event_time is not None and name.lower() == shape.event_time.lower()

    for name, kind in shape.columns.items():
        where = file.location(("columns", name))
        if found := type_problem(kind, dialect):
            yield Problem(f"columns: {name}: {found[0]}", where, found[1], code="FFT-804")
        elif shape.sink == "sessions" and is_time(name) and (said := event_time_problem(kind)):
            yield Problem(f"columns: {name}: {said}", where, code="FFT-804")
    if shape.sink != "sessions":
        return
    if taken := taken_key(shape.key):
        yield Problem(taken, file.location(("key",)), "Rename it in the events, or in their source.", code="FFT-804")
    names = taken_measures(shape.key, shape.measures)
    for name, text in shape.measures.items():
        where = file.location(("measures", name))
        if name in names:
            yield Problem(names[name], where, "Rename the measure.", code="FFT-804")
        try:
            read_aggregate(text, dialect)
        except ValueError as error:
            yield Problem(f"the measure {name!r} ({text}): {error}", where, code="FFT-804")


def _body(shape: StreamShape) -> StreamBody:
    options: dict[str, Any] = {key: plain_value(value) for key, value in dict(shape.source).items() if key != "type"}
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
    return StreamBody(
        source=StreamSource(shape.source.type, {key: value for key, value in options.items() if value is not None}),
        sink="sessions" if shape.sink == "sessions" else "table",
        key=tuple(shape.key),
        event_time=shape.event_time,
        event_id=shape.event_id,
        event_time_unit=shape.event_time_unit,
        columns=dict(shape.columns),
        allowed_lateness=shape.allowed_lateness,
        max_ahead=shape.max_ahead,
        idle_after=shape.idle_after,
        batch_rows=shape.batch_rows,
        max_dead_share=shape.max_dead_share,
    )


def _materialization(shape: StreamShape, settings: Settings) -> Materialization:
    changes = settings.get("on_schema_change", "append_new_columns")
    if changes == "sync_all_columns":  # a column is not dropped because a batch lacks it
        changes = "append_new_columns"
    if shape.sink != "sessions":
        strategy: Mapping[str, Any] = {"strategy": "merge" if shape.sink == "upsert" else "append"}
        return Incremental(tuple(shape.key), **strategy, on_schema_change=changes)
    return Sessions(
        key=tuple(shape.key),
        event_time=str(shape.event_time),
        event_id=shape.event_id,
        gap=float(shape.gap or 0),
        measures=tuple(shape.measures.items()),
        on_schema_change=changes,
    )
