"""Records of bytes become an Arrow table: objects of JSON, lines of CSV. A broken record is a row with its error."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from fft_core.errors import StreamError
from fft_core.names.csv_columns import csv_problem
from fft_core.names.nesting import DEEPEST, is_too_deep
from fft_core.streaming.event_columns import cannot_be_stored, note_column
from fft_core.streaming.source import BYTES, ERROR, OFFSET, PARTITION
from fft_core.streaming.types import EXACT_IN_DOUBLE

if TYPE_CHECKING:
    import pyarrow as pa

Format: TypeAlias = Literal["jsonl", "csv"]
Values: TypeAlias = Mapping[str, Any]  # Any: values of JSON
BROKEN = (ValueError, csv.Error)  # the exceptions of readers, for a record that is broken
_LARGEST = 2**63


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its place, its bytes, and its values or its error.

    `more` has columns that the source adds, such as the timestamp of Kafka.
    """

    partition: str
    offset: int
    raw: bytes
    values: Values | None
    error: str | None = None
    more: Values = field(default_factory=dict)


def _no_constant(text: str) -> object:
    raise ValueError(f"{text} is not JSON")


_DECODER: Any = json.JSONDecoder(parse_constant=_no_constant)  # Any: typeshed has no `scan_once`
_scan = _DECODER.scan_once  # without the searches for blanks of `decode`


def read_json(raw: bytes) -> Values:
    """Read an object of JSON. Raises ValueError for anything else."""
    text = raw.decode("utf-8-sig").strip(" \t\r\n")  # tools of Windows write a mark before the first line
    if is_too_deep(text):
        raise ValueError(f"its JSON has lists or objects in more than {DEEPEST} levels")
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        raise ValueError("it is not JSON") from None
    if end != len(text):
        raise ValueError(f"its JSON is followed by other text, from character {end + 1} on")
    if not isinstance(value, dict):
        raise ValueError("it is JSON, but not an object")
    return value


def refuse_csv(header: Sequence[str] | None, delimiter: str) -> None:
    """Raise StreamError for names or a delimiter that CSV cannot have."""
    if problem := csv_problem(header, delimiter):
        raise StreamError(problem, code="FFT-804")


def csv_names(line: bytes, delimiter: str, place: str) -> tuple[str, ...]:
    """Return the names of columns that the first line of a CSV file has.

    Raises:
        StreamError: it is not a line of names; `place` is the file.
    """
    try:
        text = line.decode("utf-8-sig").rstrip("\r\n")
        rows = list(csv.reader([text], delimiter=delimiter, strict=True, skipinitialspace=delimiter != " "))
    except UnicodeDecodeError as error:
        raise StreamError(f"{place}: its first line is not UTF-8", code="FFT-801") from error
    except BROKEN as error:
        raise StreamError(f"{place}: its first line is not CSV: {error}", code="FFT-801") from error
    names = tuple(name.strip() for name in rows[0]) if rows else ()
    if len(set(names)) < len(names) or not all(names) or not names:
        hint = "Write the names as `header` of the source, and leave the first line out of the file."
        raise StreamError(f"{place}: its first line is not one of names: {', '.join(names)}", hint=hint, code="FFT-801")
    return names


def csv_reader(header: Sequence[str], delimiter: str = ",") -> Callable[[bytes], Values]:
    """Return a reader of one line of a CSV file; it raises ValueError for a line with more or fewer values."""

    def read(raw: bytes) -> Values:
        rows = list(csv.reader([raw.decode("utf-8-sig")], delimiter=delimiter, strict=True))
        cells = rows[0] if rows else []
        if len(cells) != len(header):
            raise ValueError(f"it has {len(cells)} values for {len(header)} columns")
        return {name: cell or None for name, cell in zip(header, cells, strict=True)}

    return read


def read_record(partition: str, offset: int, raw: bytes, read: Callable[[bytes], Values]) -> Record:
    """Read one record; if it cannot be read, it has the error."""
    try:
        return Record(partition, offset, raw, read(raw))
    except BROKEN as error:
        said = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error) or type(error).__name__
        return Record(partition, offset, raw, None, said)


def as_table(records: Sequence[Record]) -> pa.Table:
    """Return a table of records: a column for each name that occurs, and those of `META`.

    Numbers are integers, or floating point if one of them is. Nested values are JSON as text. A column with values of
    several kinds is text.
    """
    import pyarrow as pa

    given = [{**(record.values or {}), **record.more} if record.more else record.values or {} for record in records]
    names = dict.fromkeys(name for values in dict.fromkeys(map(tuple, given)) for name in values)
    errors = [record.error for record in records]
    columns: dict[str, Any] = {}  # Any: an array of any type
    for name in names:
        if cannot_be_stored(name):
            note_column(name, (i for i, values in enumerate(given) if name in values), errors)
            continue
        array = _array([values.get(name) for values in given], errors, name)
        if array is not None:
            columns[name] = array
    return pa.table(
        {
            **columns,
            PARTITION: pa.array([r.partition for r in records], pa.string()),
            OFFSET: pa.array([r.offset for r in records], pa.int64()),
            ERROR: pa.array(errors, pa.string()),
            BYTES: pa.array([r.raw for r in records], pa.binary()),
        }
    )


def _note(errors: list[str | None], places: Iterable[int], what: str) -> None:
    for place in places:
        errors[place] = errors[place] or f"it has {what}, which cannot be stored"


def _array(values: list[Any], errors: list[str | None], name: str) -> pa.Array[Any] | None:
    """Return a column; None if it has no value. Values that no column can store become errors of their records."""
    import pyarrow as pa

    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return None
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    if kinds <= {int, float}:
        large = [i for i, v in enumerate(values) if type(v) is int and not -_LARGEST <= v < _LARGEST]
        _note(errors, large, f"a number in {name!r} that is too large")
        if float in kinds:
            inexact = [
                i for i, v in enumerate(values) if type(v) is int and abs(v) > EXACT_IN_DOUBLE and int(float(v)) != v
            ]
            _note(errors, inexact, f"a whole number in {name!r} that a double cannot hold, beside fractions")
            large += inexact
        kept = [None if i in set(large) else value for i, value in enumerate(values)] if large else values
        if float in kinds:
            return pa.array([None if v is None else float(v) for v in kept], pa.float64())
        return pa.array(kept, pa.int64())
    if not kinds <= {str, int, float, bool, list, dict}:  # of a typed source, such as Avro
        try:
            found: pa.Array[Any] = pa.array(values)
            return found
        except (pa.ArrowInvalid, pa.ArrowTypeError):  # of several kinds
            pass
    texts = [value if value is None or isinstance(value, str) else _text(value) for value in values]
    try:
        return pa.array(texts, pa.string())
    except (UnicodeEncodeError, pa.ArrowInvalid):
        broken = [i for i, text in enumerate(texts) if text is not None and not _is_unicode(text)]
        _note(errors, broken, f"half a character in {name!r}")
        return pa.array([None if i in broken else text for i, text in enumerate(texts)], pa.string())


def _text(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)
    return text if isinstance(value, str | int | float | list | dict | None) else json.loads(text)


def _plain(value: object) -> str:
    """Return a value that JSON does not have, such as a time in a list of Avro, as text."""
    if isinstance(value, date | time):
        return value.isoformat()
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
