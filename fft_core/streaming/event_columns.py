"""Finds the columns of events that a table can store: one for each name in any case, without names of FFT's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from fft_core.names.sessions import is_reserved
from fft_core.streaming.source import META
from fft_core.streaming.types import cast, wider

if TYPE_CHECKING:
    import pyarrow as pa


def cannot_be_stored(name: str) -> bool:
    """Return whether a column of events cannot have a name: no name, one of FFT, or one that is not a text of SQL.

    >>> [cannot_be_stored(name) for name in ("page", "_ff_rank", "", "half \\ud800", "a\\0b")]
    [False, True, True, True, True]
    """
    if not name or is_reserved(name) or "\0" in name:
        return True
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def note_column(name: str, places: Iterable[int], errors: list[str | None]) -> None:
    """Note the error of the records that have a column which cannot be stored."""
    for place in places:
        errors[place] = errors[place] or f"it has a column {name!r}, which cannot be stored"


def storable(batch: pa.Table, needed: Sequence[str], errors: list[str | None]) -> pa.Table:
    """Return a batch with the columns that a table can store; note errors for the records that have others.

    Names that differ only in case are one column, because most databases read them as one: it has the name in
    `needed`, or else the first one. A record with values in two of them is a bad one.
    """
    alike, own = dict[str, list[str]](), {name.lower(): name for name in needed}
    for name in batch.column_names:
        if name in META:
            continue
        if cannot_be_stored(name):
            note_column(name, _places(batch.column(name)), errors)
            batch = batch.drop_columns([name])
        else:
            alike.setdefault(name.lower(), []).append(name)
    for key, names in alike.items():
        name = own.get(key, names[0])
        if len(names) > 1:
            names.sort(key=lambda one: one != name)
            batch = _as_one(batch, names, errors)
        if names[0] != name:
            batch = batch.rename_columns([name if one == names[0] else one for one in batch.column_names])
    return batch


def _as_one(batch: pa.Table, names: Sequence[str], errors: list[str | None]) -> pa.Table:
    """Put the values of several columns into the first one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    seen = dict[int, str]()
    for name in names:
        for place in _places(batch.column(name)):
            other = seen.setdefault(place, name)
            if other != name and errors[place] is None:
                errors[place] = f"it has {other!r} and {name!r}, which are one column"
    columns: list[Any] = [batch.column(name) for name in names if not pa.types.is_null(batch.column(name).type)]
    place, batch = batch.column_names.index(names[0]), batch.drop_columns(list(names[1:]))
    if not columns:
        return batch
    kind = columns[0].type
    for column in columns[1:]:
        kind = kind if column.type == kind else wider(kind, column.type) or kind
    merged = pc.coalesce(*(cast(column, kind, names[0], errors) for column in columns))
    return batch.set_column(min(place, batch.num_columns), names[0], merged)


def _places(column: Any) -> list[int]:  # Any: an Arrow column of any type
    """Return the places of the values that are not NULL."""
    return [place for place, is_there in enumerate(column.is_valid().to_pylist()) if is_there]
