"""A file as each engine reads it: small and large files go different ways to the same table, as does `SqlFrames`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fft_core.engines import csv_file
from fft_core.engines.duckdb import session as duckdb
from fft_core.engines.postgres import session as postgres
from fft_core.engines.protocol import Frames, Session
from fft_core.engines.spec.csv_format import DEFAULT, CsvFormat
from fft_core.engines.sql_frames import SqlFrames
from fft_core.errors import FftError

# the spelling of one engine -> the words of both
_SAME = {
    "BIGINT": "bigint",
    "DOUBLE": "double",
    "double precision": "double",
    "BOOLEAN": "boolean",
    "VARCHAR": "text",
    "TIMESTAMP": "timestamp",
    "timestamp without time zone": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "timestamp with time zone": "timestamptz",
    "DATE": "date",
    "TIME": "time",
    "time without time zone": "time",
}


@dataclass(frozen=True)
class Table:
    """Names, types in the words of both engines, and rows in their order; `repr` tells -0.0 from 0.0."""

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]

    def column(self, place: int = 0) -> list[object]:
        return [row[place] for row in self.rows]


@dataclass(frozen=True)
class Way:
    """An engine, whether files count as large, and whether frames of its own read them, or `SqlFrames`."""

    engine: Session
    is_large: bool
    by_sql: bool = False

    @property
    def name(self) -> str:
        return f"{self.engine.name} by SQL" if self.by_sql else self.engine.name

    @property
    def frames(self) -> Frames:
        return SqlFrames(self.engine, {}) if self.by_sql else self.engine.frames

    def read(self, path: Path, form: CsvFormat = DEFAULT, types: Mapping[str, str] | None = None) -> Table:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(csv_file, "LISTED_BELOW_BYTES", 0 if self.is_large else 1 << 30)
            with self.frames.file_query(path, types or {}, form) as query:
                columns = self.engine.columns(query)
                rows, again = (tuple(map(_in_utc, self.engine.fetch(query))) for _ in range(2))
                assert repr(rows) == repr(again)  # as often as is asked for
        kinds = tuple(_kind(column.type) for column in columns)
        return Table(tuple(column.name for column in columns), kinds, rows)


def _kind(spelled: str) -> str:
    return _SAME.get(spelled, spelled.lower().replace("numeric", "decimal"))


def _in_utc(row: tuple[object, ...]) -> tuple[object, ...]:
    """Instants as they are, whatever a driver calls their zone."""
    return tuple(
        value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo is not None else value for value in row
    )


@contextmanager
def all_ways(dsn: str) -> Iterator[tuple[Way, ...]]:
    engines: list[Session] = [duckdb.connect(), postgres.connect(dsn=dsn)]
    try:
        own = [Way(engine, is_large) for engine in engines for is_large in (False, True)]
        yield (*own, *(Way(engines[0], is_large, by_sql=True) for is_large in (False, True)))
    finally:
        for engine in engines:
            engine.close()


def read_by_all(
    ways: tuple[Way, ...],
    path: Path,
    content: str | bytes,
    form: CsvFormat = DEFAULT,
    types: Mapping[str, str] | None = None,
) -> Table:
    """Write a file and read it in every way; all of them must give the same."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    first, *others = [way.read(path, form, types) for way in ways]
    for other in others:
        assert (other.names, other.kinds, repr(other.rows)) == (first.names, first.kinds, repr(first.rows))
    return first


def refused_by_all(
    ways: tuple[Way, ...],
    path: Path,
    content: str | bytes,
    form: CsvFormat = DEFAULT,
    types: Mapping[str, str] | None = None,
) -> FftError:
    """Write a file that cannot be a table; every way must say the same of it."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    errors = []
    for way in ways:
        with pytest.raises(FftError) as caught:
            way.read(path, form, types)
        errors.append(caught.value)
        assert way.engine.fetch("select 1") == [(1,)]  # the session goes on
    said = {(str(error), getattr(error, "line", None), getattr(error, "setting", None)) for error in errors}
    assert len(said) == 1
    return errors[0]
