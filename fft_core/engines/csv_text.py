"""CSV text as rows: strict about quotes, fields and names; an error has the line of the problem."""

from __future__ import annotations

import codecs
import csv
import io
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from fft_core.engines.spec.csv_format import CsvFormat
from fft_core.errors import SeedError

SEED_COLUMNS = ("_ff_loaded_at", "_ff_seed_id", "_ff_seed_file")  # the columns that FFT adds to every seed
_SEPARATORS = {";": "';'", "\t": '"\\t"', "|": "'|'", ",": "','"}
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Record:
    """The fields of one row, and the number of its first line."""

    line: int
    fields: Sequence[str]


@dataclass(frozen=True)
class Header:
    """The names of the columns, and the text of the header; "" if no line of the file names the columns."""

    names: tuple[str, ...]
    text: str = ""


def decoded(content: bytes, encoding: str) -> str:
    """Decode a file. Raises SeedError, with the line, for a byte that is not in the encoding or a NUL character."""
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise no_text(content, error.start, encoding) from None
    offset = text.find("\0")
    if offset >= 0:
        raise nul(content, _line_at(text, offset))
    return text


def no_text(before: bytes, offset: int, encoding: str) -> SeedError:
    """Return the error for a file that is not in its encoding. `before` is its start, with the wrong byte."""
    byte = before[offset]
    line = _line_at(before[:offset].decode(encoding, "replace"), offset)
    message = f"byte 0x{byte:02x} at offset {offset} is not {encoding.upper()}"
    if codecs.lookup(encoding).name != "utf-8":
        return SeedError(message, line=line, hint="Set the encoding in which the file was written.")
    if before.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return SeedError(message, line=line, setting="encoding: utf-16")
    return SeedError(message, line=line, setting=f"encoding: {'cp1252' if 0x80 <= byte < 0xA0 else 'latin-1'}")


def nul(beginning: bytes, line: int) -> SeedError:
    """Return the error for a NUL character. If every second byte is NUL, it proposes the encoding UTF-16."""
    wide = next((f"utf-16-{order}" for order, start in (("le", 1), ("be", 0)) if not any(beginning[start:8:2])), None)
    setting = f"encoding: {wide}" if wide and len(beginning) > 1 else None
    hint = None if setting else "Databases do not store it reliably: remove it from the file."
    return SeedError("the file has a NUL character", line=line, setting=setting, hint=hint)


def _line_at(text: str, offset: int) -> int:
    return len(_LINE_END.findall(text[:offset])) + 1


def records(lines: Iterable[str], form: CsvFormat, path: Path) -> Iterator[Record]:
    """Yield the rows of some lines, without blank lines. Raises SeedError if quotes are wrong."""
    csv.field_size_limit(sys.maxsize)  # for the whole process: csv has no limit for one reader
    settings: dict[str, Any] = {"delimiter": form.delimiter_of(path), "strict": True}  # Any: csv's own options
    settings |= {"quotechar": form.quote} if form.quote else {"quoting": csv.QUOTE_NONE}
    reader = csv.reader(_without_mark(lines), **settings)
    line = 1
    try:
        for fields in reader:
            if fields:
                yield Record(line, fields)
            line = reader.line_num + 1
    except csv.Error as error:
        raise SeedError(_quotes_said(str(error), form), line=line, setting=None, hint=_QUOTES_HINT) from error


def _without_mark(lines: Iterable[str]) -> Iterator[str]:
    rows = iter(lines)
    yield from (line.removeprefix("\ufeff") for line in islice(rows, 1))
    yield from rows


_QUOTES_HINT = "Write a quote within quotes twice. A file that has no quotes around fields needs `quote: none`."


def _quotes_said(said: str, form: CsvFormat) -> str:
    if "unexpected end of data" in said:
        return f"a field begins with {form.quote}, and its closing quote is missing"
    return f"text follows the closing {form.quote}" if "expected after" in said else said


def header_of(lines: Iterable[str], form: CsvFormat, path: Path) -> Header:
    """Find the names of the columns. Raises SeedError if there are none, or a table cannot have them."""
    read: list[str] = []
    first = next(records(_noted(lines, read), form, path), None)
    if isinstance(form.header, tuple):
        names = form.header
    elif first is None:
        raise SeedError("the file has no header" if "".join(read).strip() else "the file is empty: it has no header")
    elif form.header:
        _refuse_other_delimiter(first, form, path)
        names = tuple(name.strip() for name in first.fields)
    else:
        names = tuple(f"column_{number}" for number in range(1, len(first.fields) + 1))
    wrong = wrong_names(names)
    if wrong:
        hint = "A delimiter at the end of the line starts one more column." if not names[-1] else None
        raise SeedError(wrong, line=first.line if first else None, hint=hint)
    return Header(names, "".join(read) if form.header is True else "")


def _noted(lines: Iterable[str], read: list[str]) -> Iterator[str]:
    for line in lines:
        read.append(line)
        yield line


def wrong_names(names: Sequence[str]) -> str | None:
    """Return the problem of column names, if any. Databases invent missing names, and many ignore their case."""
    for number, name in enumerate(names, 1):
        if not name:
            return f"column {number} of the header has no name"
        earlier = next((other for other in names[: number - 1] if other.lower() == name.lower()), None)
        if earlier is not None:
            spelled = "" if earlier == name else f": {earlier!r} is the same name to databases"
            return f"the header has the column {name!r} twice{spelled}"
    return None


def refuse_seed_columns(names: Iterable[str]) -> None:
    """Raise SeedError for a column that FFT adds to every seed: the database would have two, or rename one."""
    for name in names:
        if name.lower() in SEED_COLUMNS:
            raise SeedError(f"the file has the column {name!r}, which FFT adds to every seed", hint="Rename it.")


def _refuse_other_delimiter(header: Record, form: CsvFormat, path: Path) -> None:
    """Raise SeedError if the only column has a separator in its name, unless the delimiter is declared."""
    if form.delimiter is not None or len(header.fields) != 1:
        return
    other = _other_delimiter(header.fields[0], form, path)
    if other:
        name = {"\t": "a tab"}.get(other, repr(other))
        message = f"the header is one column with {name} in it, and the delimiter is {form.delimiter_of(path)!r}"
        raise SeedError(message, line=header.line, setting=f"delimiter: {_SEPARATORS[other]}")


def _other_delimiter(text: str, form: CsvFormat, path: Path) -> str | None:
    return next((mark for mark in _SEPARATORS if mark in text and mark != form.delimiter_of(path)), None)


def ragged(record: Record, names: Sequence[str], form: CsvFormat, path: Path) -> SeedError | None:
    """Return the error for a row that has another number of fields than the header; None if they are equal."""
    fields, wanted = len(record.fields), len(names)
    if fields == wanted:
        return None
    has = "1 field" if fields == 1 else f"{fields} fields"
    message = f"the line has {has}, and the header has {wanted}"
    other = _other_delimiter(record.fields[0], form, path) if fields == 1 else None
    return SeedError(message, line=record.line, setting=f"delimiter: {_SEPARATORS[other]}" if other else None)


def rows_of(lines: Iterable[str], names: Sequence[str], form: CsvFormat, path: Path) -> Iterator[Record]:
    """Yield the rows below the header. Raises SeedError for a row with another number of fields."""
    rows = records(lines, form, path)
    if form.header is True:
        next(rows, None)
    for row in rows:
        wrong = ragged(row, names, form, path)
        if wrong:
            raise wrong
        yield row


def lines_of(text: str) -> io.StringIO:
    """Return the lines of a text with their ends, of any kind."""
    return io.StringIO(text, newline="")
