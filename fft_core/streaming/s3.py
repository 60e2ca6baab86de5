"""Objects of a store with the protocol of S3: each is read once, by its time and the marks of objects already read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import translate
from typing import TYPE_CHECKING, Any, Literal

from fft_core.errors import StreamError
from fft_core.streaming.event_columns import note_column
from fft_core.streaming.records import (
    Record,
    Values,
    as_table,
    csv_names,
    csv_reader,
    read_json,
    read_record,
    refuse_csv,
)
from fft_core.streaming.source import BYTES, ERROR, META, OFFSET, PARTITION, Backlog, Position

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class _Object:
    """An object as the store lists it; `at` is the time at which it was written, in UTC."""

    key: str
    at: datetime
    size: int

    @property
    def mark(self) -> str:
        """The text that distinguishes it from another object with its key."""
        return f"{self.at.isoformat()} {self.size}"

    @property
    def number(self) -> int:
        """A hash of the object as a number; the hashes of several objects can be added."""
        return int.from_bytes(hashlib.sha256(f"{self.key} {self.mark}".encode()).digest()[:6], "big")


@dataclass(frozen=True)
class _State:
    """A position.

    Attributes:
        cutoff: The time of the newest object that was read; None at the start.
        seen: The marks of the objects that were read and are not older than the grace, by key.
        older: The number of the objects that are older than the grace, and the sum of their hashes.
        open: The key, mark and next row of an object that was read in part.
    """

    cutoff: datetime | None
    seen: Mapping[str, str]
    older: tuple[int, int]
    open: tuple[str, str, int] | None

    @classmethod
    def of(cls, position: Position) -> _State:
        if not position:
            return cls(None, {}, (0, 0), None)
        try:
            given = position["open"]
            return cls(
                datetime.fromisoformat(position["cutoff"]) if position["cutoff"] else None,
                dict(position["seen"]),
                (int(position["older"][0]), int(position["older"][1])),
                (str(given[0]), str(given[1]), int(given[2])) if given else None,
            )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise StreamError(f"this is not a position of objects: {dict(position)!r}", code="FFT-803") from error

    def to_json(self) -> Position:
        return {
            "cutoff": self.cutoff.isoformat() if self.cutoff else None,
            "seen": dict(self.seen),
            "older": list(self.older),
            "open": list(self.open) if self.open else None,
        }


class S3Source:
    """A source that reads the objects below a prefix, each once, the oldest first.

    The times of a store are in whole seconds, and an object that is uploaded slowly gets an earlier time than others.
    Objects that appear within the grace are read, even with earlier times; an object that appears later is an error.

    Args:
        path: `s3://bucket/prefix/*.jsonl`; `*` matches slashes, too.
        format: "jsonl", "csv" (the first line of each object has the names) or "parquet".
        endpoint: The URL of a store that is not Amazon's.
        region: The region of the bucket.
        grace: The seconds by which an object may appear after objects that are newer.
        header: The names of the columns of CSV objects without a first line of names.
        delimiter: The text between the values of CSV.

    Credentials are those of the environment, as AWS's tools read them.
    """

    def __init__(
        self,
        path: str,
        *,
        format: Literal["jsonl", "csv", "parquet"] = "jsonl",
        endpoint: str | None = None,
        region: str | None = None,
        grace: float = 900,
        header: Sequence[str] | None = None,
        delimiter: str = ",",
    ) -> None:
        from pyarrow.fs import S3FileSystem

        if not re.fullmatch(r"s3://[^/]+/.+", path):
            raise StreamError(f"{path!r} is not a path of S3", hint="As in s3://bucket/clicks/*.jsonl.", code="FFT-804")
        self._path, self._format, self._grace = path, format, timedelta(seconds=grace)
        refuse_csv(header, delimiter)
        self._header, self._delimiter = tuple(header or ()), delimiter
        options: dict[str, Any] = {"region": region} if region else {}
        if endpoint:
            scheme, _, place = endpoint.rpartition("://")
            options |= {"endpoint_override": place, "scheme": scheme or "https"}
        self._files: Any = S3FileSystem(**options)
        self._pattern = path.removeprefix("s3://")
        self._matches = re.compile(translate(self._pattern)).match

    @property
    def said(self) -> str:
        """The name of the source for people."""
        return f"objects {self._path}"

    def poll(self, position: Position, limit: int) -> tuple[pa.Table, Position]:
        """Read the objects that were not read before; see `Source.poll`. An offset is that of a row in its object."""
        import pyarrow as pa

        state = _State.of(position)
        there = self._listed()
        self._refuse_late(state, there)
        unread = self._unread(state, there)
        begun = [one for one in unread if state.open and state.open[:2] == (one.key, one.mark)]
        opened = state.open if begun else None  # else it was deleted or replaced
        tables, done, rows = list[Any](), list[_Object](), 0
        for one in (*begun, *(one for one in unread if one not in begun)):
            if rows >= limit:
                break
            skip = opened[2] if opened and one in begun else 0
            table, is_whole = self._read(one, skip, limit - rows)
            tables.append(table)
            rows += table.num_rows
            opened = None if is_whole else (one.key, one.mark, skip + table.num_rows)
            done += [one] if is_whole else []
        batch = _joined(tables) if tables else as_table([])
        assert isinstance(batch, pa.Table)  # for type checkers
        return batch, self._after(state, there, done, opened).to_json()

    def backlog(self, position: Position) -> Backlog:
        """Count the objects that were not read yet."""
        state = _State.of(position)
        unread = self._unread(state, self._listed())
        oldest = min((one.at for one in unread), default=None)
        return Backlog(len(unread), "objects", oldest.replace(tzinfo=UTC).timestamp() if oldest else None)

    def end(self) -> Position:
        """Return the position after all existing objects."""
        there, state = self._listed(), _State.of({})
        return self._after(state, there, there, None).to_json()

    def offsets(self, position: Position) -> Mapping[str, int]:
        """Return nothing at the start. Raises StreamError for other positions: they do not name all read objects."""
        if position and (_State.of(position).older[0] or position):
            hint = "Use earliest or latest."
            raise StreamError("a position of objects does not name all that were read", hint=hint, code="FFT-803")
        return {}

    def close(self) -> None:
        """Do nothing: no connection stays open."""

    def _listed(self) -> list[_Object]:
        from pyarrow.fs import FileSelector, FileType

        folder = re.split(r"[*?\[]", self._pattern, maxsplit=1)[0].rpartition("/")[0]
        try:
            bucket = self._files.get_file_info(self._pattern.partition("/")[0])
            if bucket.type == FileType.NotFound:
                raise StreamError(
                    f"{self._path}: the bucket does not exist", hint="Correct `path`, or `endpoint`.", code="FFT-801"
                )
            found = self._files.get_file_info(FileSelector(folder, recursive=True, allow_not_found=True))
        except OSError as error:
            hint = "Are bucket, endpoint, region and credentials right?"
            raise StreamError(f"{self._path} cannot be listed: {error}", hint=hint, code="FFT-801") from error
        objects = [
            _Object(one.path, one.mtime.astimezone(UTC).replace(tzinfo=None), int(one.size))
            for one in found
            if one.type == FileType.File and self._matches(one.path)
        ]
        return sorted(objects, key=lambda one: (one.at, one.key))

    def _floor(self, state: _State) -> datetime | None:
        return state.cutoff - self._grace if state.cutoff else None

    def _unread(self, state: _State, there: Sequence[_Object]) -> list[_Object]:
        floor = self._floor(state)
        return [one for one in there if (floor is None or one.at >= floor) and state.seen.get(one.key) != one.mark]

    def _refuse_late(self, state: _State, there: Sequence[_Object]) -> None:
        """Raise StreamError if there are objects older than the grace that were not read."""
        floor = self._floor(state)
        older = [one for one in there if floor is not None and one.at < floor]
        if len(older) > state.older[0]:
            more = len(older) - state.older[0]
            message = f"{more} objects of {self._path} appeared with times before {floor}, outside of the grace period"
            raise StreamError(
                message,
                hint="Raise `grace`, and read everything again: fft stream reset --to earliest.",
                code="FFT-803",
            )

    def _after(
        self, state: _State, there: Sequence[_Object], done: Sequence[_Object], opened: tuple[str, str, int] | None
    ) -> _State:
        seen = {**state.seen, **{one.key: one.mark for one in done}}
        cutoff = max([*(one.at for one in done), *([state.cutoff] if state.cutoff else [])], default=None)
        floor = cutoff - self._grace if cutoff else None
        older = [one for one in there if floor is not None and one.at < floor and seen.get(one.key) == one.mark]
        before = self._floor(state)
        known = [one for one in there if before is not None and one.at < before]
        gone = {one.key for one in older}
        kept = {key: mark for key, mark in seen.items() if key not in gone and self._is_recent(mark, floor)}
        counted = {one.key: one for one in (*known, *older)}.values()
        return _State(cutoff, kept, (len(counted), sum(one.number for one in counted)), opened)

    def _is_recent(self, mark: str, floor: datetime | None) -> bool:
        return floor is None or datetime.fromisoformat(mark.partition(" ")[0]) >= floor

    def _read(self, one: _Object, skip: int, limit: int) -> tuple[pa.Table, bool]:
        """Read rows of an object; return them, and whether they include the last one."""
        partition = f"#{self._path}#{one.key}@{one.at.isoformat()}"
        try:
            with self._files.open_input_file(one.key) as file:
                if self._format == "parquet":
                    return _parquet(file, partition, skip, limit)
                content = bytes(file.read())
        except OSError as error:
            raise StreamError(f"s3://{one.key} cannot be read: {error}", code="FFT-801") from error
        lines = content.split(b"\n")
        first = 0
        reader: Callable[[bytes], Values] = read_json
        if self._format == "csv":
            names = self._header or (csv_names(lines[0], self._delimiter, f"s3://{one.key}") if content else ())
            first, reader = 0 if self._header else 1, csv_reader(names, self._delimiter)
        rows = [(place, line.rstrip(b"\r")) for place, line in enumerate(lines[first:]) if line.strip()]
        records: list[Record] = [read_record(partition, place, raw, reader) for place, raw in rows[skip : skip + limit]]
        return as_table(records), skip + limit >= len(rows)


def _parquet(file: Any, partition: str, skip: int, limit: int) -> tuple[pa.Table, bool]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(file)
    except pa.ArrowInvalid as error:
        raise StreamError(f"{partition.rpartition('#')[2]} is not a Parquet file: {error}", code="FFT-801") from error
    rows = table.slice(skip, limit)
    count, taken = rows.num_rows, [name for name in META if name in table.column_names]
    errors: list[str | None] = [None] * count
    for name in taken:
        note_column(name, range(count), errors)
    rows = rows.drop_columns(taken)
    columns: dict[str, Any] = {
        PARTITION: pa.array([partition] * count, pa.string()),
        OFFSET: pa.array(range(skip, skip + count), pa.int64()),
        ERROR: pa.array(errors, pa.string()),
        BYTES: pa.nulls(count, pa.binary()),
    }
    for name, values in columns.items():
        rows = rows.append_column(name, values)
    return rows, skip + limit >= table.num_rows


def _joined(tables: Sequence[Any]) -> Any:
    """Concatenate tables; a column with several types becomes text."""
    import pyarrow as pa

    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowTypeError:
        pass
    kinds = dict[str, set[str]]()
    for table in tables:
        for field in table.schema:
            kinds.setdefault(field.name, set()).add(str(field.type))
    mixed = {name for name, found in kinds.items() if len(found) > 1}
    try:
        return pa.concat_tables([_with_texts(table, mixed) for table in tables], promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise StreamError(
            f"columns are of several types: {', '.join(sorted(mixed))}: {error}", code="FFT-806"
        ) from error


def _with_texts(table: Any, names: set[str]) -> Any:
    import pyarrow as pa

    for place, field in enumerate(table.schema):
        if field.name in names:
            table = table.set_column(place, field.name, table.column(place).cast(pa.string()))
    return table
