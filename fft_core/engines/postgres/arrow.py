"""Rows of Postgres as Arrow tables, by COPY in CSV: compiled code at both ends, and exact texts."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from fft_core.errors import EngineError

if TYPE_CHECKING:
    import psycopg
    import pyarrow as pa

_NUMERIC, _BYTEA, _INTERVAL, _HEADER = (
    1700,
    17,
    1186,
    4,
)  # the type numbers of Postgres never change; a modifier includes its header


def read(cursor: psycopg.Cursor[Any], sql: str) -> pa.Table:
    """Run a query; return its rows as an Arrow table with the types of Postgres.

    Numbers without a declared precision become decimals of 38 digits, 18 of them behind the point. If a number needs
    more, they have as many digits as needed, at most 76. Types that Arrow lacks (JSON, UUID, ranges, composites, enums)
    become text.

    Raises:
        EngineError: a value does not fit Arrow's types, such as the date infinity, or a number of more digits.
    """

    cursor.execute(f"select * from ({sql}\n) as described limit 0".encode())
    fields = fields_of(cursor)
    if not fields:
        raise EngineError("the query has no columns", hint="Name at least one column.", code="FFT-601")
    with cursor.copy(f"copy ({sql}\n) to stdout (format csv)".encode()) as copy:
        content = b"".join(copy)
    names = [field.name for field in fields]
    return _table(cursor, fields, content, names)


def fields_of(cursor: psycopg.Cursor[Any]) -> list[Field]:
    """Return the columns of the result that a cursor has now."""
    result = cursor.pgresult
    assert result is not None  # a statement was executed
    return [Field((result.fname(i) or b"").decode(), result.ftype(i), result.fmod(i)) for i in range(result.nfields)]


def from_texts(fields: Sequence[Field], rows: Sequence[Sequence[str | None]]) -> pa.Table:
    """Make a table of the texts of values, with the types that `read` gives. Raises EngineError as it does."""
    lines = (",".join("" if cell is None else _in_quotes(cell) for cell in row) for row in rows)
    content = "".join(f"{line}\n" for line in lines).encode()
    return _table(None, fields, content, [field.name for field in fields])


def _in_quotes(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def _table(
    cursor: psycopg.Cursor[Any] | None, fields: Sequence[Field], content: bytes, names: Sequence[str]
) -> pa.Table:
    import pyarrow as pa

    if not content:
        return pa.Table.from_arrays([pa.array([], field.final) for field in fields], names=list(names))
    texts = _texts(cursor, fields, content)
    columns = [_read(cursor, field, texts.column(index)) for index, field in enumerate(fields)]
    return pa.Table.from_arrays(columns, names=list(names))


@dataclass(frozen=True)
class Field:
    """A column of a query, with the numbers by which Postgres identifies its type and the type's modifier."""

    name: str
    oid: int
    modifier: int

    @property
    def final(self) -> pa.DataType:
        """Its Arrow type, if no value needs another one."""
        return _final_type(self.oid, self.modifier)

    def error(self, cursor: psycopg.Cursor[Any] | None, why: object) -> EngineError:
        spelled = f"type {self.oid}"
        if cursor is not None:
            cursor.execute(b"select format_type(%s, %s)", [self.oid, self.modifier])
            (spelled,) = cursor.fetchone() or ("",)
        return EngineError(
            f"column {self.name!r} ({spelled}) holds a value that an Arrow table cannot store: {why}",
            hint=f"Cast it in SQL, for example cast({self.name} as text).",
            code="FFT-414",
        )


def _texts(cursor: psycopg.Cursor[Any] | None, fields: Sequence[Field], content: bytes) -> pa.Table:
    """Read the rows of a COPY; types that Arrow's CSV reader does not have are text here."""
    import pyarrow as pa
    import pyarrow.csv

    names = [f"c{i}" for i in range(len(fields))]
    types = [_arrow_type(field.oid, field.modifier) for field in fields]
    try:
        return pa.csv.read_csv(
            io.BytesIO(content),
            read_options=pa.csv.ReadOptions(column_names=names),
            parse_options=pa.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict(zip(names, types, strict=True)),
                null_values=[""],
                true_values=["t"],
                false_values=["f"],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        found = re.search(r"CSV column #(\d+).*?(invalid value.*)", str(error))
        if found is None:
            raise
        raise fields[int(found[1])].error(cursor, found[2]) from error


def _read(cursor: psycopg.Cursor[Any] | None, field: Field, texts: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
    import psycopg
    import pyarrow as pa

    try:
        return _converted(cursor, texts, field.oid, field.modifier)
    except (pa.ArrowInvalid, pa.ArrowTypeError, psycopg.DataError, ValueError) as error:
        raise field.error(cursor, str(error).strip()) from error


def _arrow_type(oid: int, modifier: int) -> pa.DataType:
    """Return the Arrow type as which a column's text is read."""
    import pyarrow as pa

    number = _declared(modifier) if oid == _NUMERIC else None
    if number is not None:
        return number if pa.types.is_decimal128(number) else pa.string()
    types: dict[int, pa.DataType] = {
        16: pa.bool_(),
        20: pa.int64(),
        21: pa.int16(),
        23: pa.int32(),
        26: pa.int64(),
        700: pa.float32(),
        701: pa.float64(),
        1082: pa.date32(),
        1083: pa.time64("us"),
        1114: pa.timestamp("us"),
        1184: pa.timestamp("us", "UTC"),
    }
    return types.get(oid, pa.string())


# array types, and the types of their elements
_ELEMENTS = {1000: 16, 1005: 21, 1007: 23, 1016: 20, 1021: 700, 1022: 701, 1009: 25, 1015: 1043, 1182: 1082, 1115: 1114}
_ELEMENTS |= {1185: 1184, 1183: 1083, 1231: _NUMERIC, 1001: _BYTEA, 1014: 1042, 1002: 18, 1003: 19}


def _declared(modifier: int) -> pa.DataType | None:
    """Return the type of numbers with a declared precision; None if none is declared, or it exceeds Arrow's."""
    import pyarrow as pa

    if modifier < 0:
        return None
    precision, scale = _precision_scale(modifier)
    digits = max(precision, scale) - min(0, scale)  # as in 0.00012 (scale above precision) and 12000 (scale below 0)
    if digits > 76:
        return None
    return (pa.decimal128 if digits <= 38 else pa.decimal256)(digits, max(0, scale))


def _final_type(oid: int, modifier: int) -> pa.DataType:
    import pyarrow as pa

    if oid in _ELEMENTS:
        return pa.list_(_final_type(_ELEMENTS[oid], modifier))
    if oid == _BYTEA:
        return pa.binary()
    if oid == _INTERVAL:
        return pa.month_day_nano_interval()
    if oid == _NUMERIC:
        return _declared(modifier) or pa.decimal128(38, 18)
    return _arrow_type(oid, modifier)


def _converted(
    cursor: psycopg.Cursor[Any] | None, column: pa.ChunkedArray[Any], oid: int, modifier: int
) -> pa.ChunkedArray[Any]:
    import pyarrow as pa

    final = _final_type(oid, modifier)
    if oid in _ELEMENTS:
        return pa.chunked_array([_lists(cursor, column, oid, modifier)])
    if oid == _BYTEA:
        values = [None if text is None else bytes.fromhex(text[2:]) for text in column.to_pylist()]
        return pa.chunked_array([pa.array(values, final)])
    if oid == _INTERVAL:
        intervals = [None if text is None else _interval(text) for text in column.to_pylist()]
        return pa.chunked_array([pa.array(intervals, final)])
    return _decimals(column, _declared(modifier)) if final != column.type else column


_INTERVAL_TEXT = re.compile(
    r"(?:([+-]?\d+) years? ?)?(?:([+-]?\d+) mons? ?)?(?:([+-]?\d+) days? ?)?"
    r"(?:([+-]?)(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?"
)


def _interval(text: str) -> tuple[int, int, int]:
    """Read an interval in Postgres' own style; return months, days and nanoseconds.

    >>> _interval("-1 years -2 mons +3 days -04:05:06.789")
    (-14, 3, -14706789000000)
    """
    found = _INTERVAL_TEXT.fullmatch(text)
    if found is None:
        raise ValueError(text)
    years, months, days, sign, hours, minutes, seconds, fraction = found.groups()
    whole = (int(hours or 0) * 60 + int(minutes or 0)) * 60 + int(seconds or 0)
    microseconds = whole * 1_000_000 + int((fraction or "").ljust(6, "0"))
    nanoseconds = microseconds * (-1000 if sign == "-" else 1000)
    return int(years or 0) * 12 + int(months or 0), int(days or 0), nanoseconds


def _lists(cursor: psycopg.Cursor[Any] | None, column: pa.ChunkedArray[Any], oid: int, modifier: int) -> pa.Array[Any]:
    """Parse arrays; arrays of several dimensions become lists of lists."""
    import pyarrow as pa
    from psycopg.adapt import Transformer
    from psycopg.pq import Format

    final = _final_type(oid, modifier)
    loader = Transformer(cursor).get_loader(oid, Format.TEXT)
    values = [None if text is None else loader.load(text.encode()) for text in column.to_pylist()]
    if _ELEMENTS[oid] == _NUMERIC:
        values = [_with_finite(value) for value in values]
        final = pa.list_(_declared(modifier) or _type_for(item for value in values for item in _items(value)))
    depth = max((_depth(value) for value in values), default=1)
    for _ in range(depth - 1):
        final = pa.list_(final)
    return pa.array(values, final)


def _depth(value: Any) -> int:
    return 1 + max((_depth(item) for item in value), default=0) if isinstance(value, list) else 0


def _items(value: Any) -> Iterator[Any]:
    for item in value if isinstance(value, list) else ():
        yield from _items(item) if isinstance(item, list) else (item,)


def _with_finite(value: Any) -> Any:
    """Return the result of `_finite` for a number, or for each number of a list."""
    if isinstance(value, list):
        return [_with_finite(item) for item in value]
    return None if value is None else _finite(value)


_FITS = r"^-?[0-9]{1,20}(\.[0-9]{1,18})?$"  # fit into `decimal128(38, 18)`; Arrow's cast of more digits may overflow


def _decimals(column: pa.ChunkedArray[Any], declared: pa.DataType | None) -> pa.ChunkedArray[Any]:
    """Read numbers exactly, with the declared precision, or with as many digits as they have."""
    import pyarrow as pa
    import pyarrow.compute

    pc: Any = pyarrow.compute
    if declared is None and pc.all(pc.match_substring_regex(column, _FITS)).as_py() is not False:
        return column.cast(pa.decimal128(38, 18))
    values = [None if text is None else _finite(Decimal(text)) for text in column.to_pylist()]
    return pa.chunked_array([pa.array(values, declared or _type_for(values))])


def _finite(value: Decimal) -> Decimal:
    """Return a number without zeros at its end, which Arrow would count. Raises ValueError for NaN and infinity."""
    if not value.is_finite():
        raise ValueError(str(value))
    text = f"{value:f}"
    return Decimal(text.rstrip("0") if "." in text else text)


def _type_for(values: Iterable[Decimal | None]) -> pa.DataType:
    """Return a decimal type for all digits of some numbers. Raises ValueError, with a number, if none is enough."""
    import pyarrow as pa

    whole, scale = 0, 0
    for value in values:
        if value is not None:
            whole, scale = max(whole, value.adjusted() + 1), max(scale, -int(value.as_tuple().exponent))
            if whole + scale > 76:
                raise ValueError(f"{value} (the column needs {whole} digits before the point and {scale} after it)")
    if whole <= 20 and scale <= 18:
        return pa.decimal128(38, 18)
    return pa.decimal128(38, scale) if whole + scale <= 38 else pa.decimal256(76, scale)


def _precision_scale(modifier: int) -> tuple[int, int]:
    scale = (modifier - _HEADER) & 0x7FF
    return ((modifier - _HEADER) >> 16) & 0xFFFF, scale if scale < 1024 else scale - 2048
