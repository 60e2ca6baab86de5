"""Large CSV files, read in blocks by compiled code; the rows are the same as those of `csv_text`."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fft_core.engines import csv_text
from fft_core.engines.column_kinds import BLANKS, Texts, with_blanks
from fft_core.engines.declared_types import TRIM, Fix
from fft_core.engines.spec.csv_format import CsvFormat
from fft_core.errors import SeedError

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK_BYTES = 4 << 20
_SCANNED_BYTES = 1 << 20


class LongRowError(Exception):
    """The error for a row that does not fit into a block."""


@dataclass(frozen=True)
class ArrowRows:
    """The rows below the header. `content` is the file in UTF-8 if the file has another encoding."""

    path: Path
    form: CsvFormat
    names: tuple[str, ...]
    start: int
    content: bytes | None
    block_bytes: int = BLOCK_BYTES

    @classmethod
    def opened(cls, path: Path, form: CsvFormat, *, block_bytes: int = BLOCK_BYTES) -> ArrowRows:
        """Check a whole file once. Raises SeedError if its encoding, its header or a quote is wrong."""
        content = None
        if codecs.lookup(form.encoding).name == "utf-8":
            _refuse_no_text(path)
        else:
            content = csv_text.decoded(path.read_bytes(), form.encoding).encode()
        with _lines(path, content) as lines:
            header = csv_text.header_of(lines, form, path)
        rows = cls(path, form, header.names, len(header.text.encode()), content, block_bytes)
        if not rows.has_plain_quotes():
            rows.refuse_wrong_rows()  # Arrow accepts quotes that are wrong
        return rows

    def has_plain_quotes(self) -> bool:
        """Whether each quote begins or ends a field, or is doubled; if False, Python's reader must check the rows."""
        import numpy as np

        if self.form.quote is None or not self.path.stat().st_size:
            return True
        source: Any = (
            np.memmap(self.path, np.uint8, "r") if self.content is None else np.frombuffer(self.content, np.uint8)
        )
        text = source[self.start :]
        ends = np.frombuffer(f"{self.form.delimiter_of(self.path)}\r\n{self.form.quote}".encode(), np.uint8)
        is_open = False
        for start in range(0, len(text), _SCANNED_BYTES):
            quotes = np.flatnonzero(text[start : start + _SCANNED_BYTES] == ends[-1]) + start
            opening, closing = quotes[is_open::2], quotes[not is_open :: 2]
            before, behind = text[opening[opening > 0] - 1], text[closing[closing + 1 < len(text)] + 1]
            if not (np.isin(before, ends).all() and np.isin(behind, ends).all()):
                return False
            is_open ^= len(quotes) % 2 == 1
        return not is_open

    def refuse_wrong_rows(self) -> None:
        """Raise SeedError for the first wrong row, with its line."""
        with _lines(self.path, self.content) as lines:
            for _ in csv_text.rows_of(lines, self.names, self.form, self.path):
                pass

    def line_of(self, column: int, text: str) -> int | None:
        """Find the line of the first row that has this text in a column; None if no row has it."""
        with _lines(self.path, self.content) as lines:
            rows = csv_text.rows_of(lines, self.names, self.form, self.path)
            return next((row.line for row in rows if row.fields[column] == text), None)

    def parts(self) -> Iterator[Sequence[Texts]]:
        """Yield the texts of all columns, block by block."""
        for batch in self._batches():
            yield [ArrowTexts(column.drop_null()) for column in batch.columns]

    def with_larger_blocks(self) -> ArrowRows:
        """Return the same rows with larger blocks, after a row that does not fit into a block."""
        return replace(self, block_bytes=self.block_bytes * 8)

    def fixed(self, fixes: Sequence[tuple[Fix, ...]]) -> Iterator[pa.RecordBatch]:
        """Yield the rows as batches of texts that every engine casts alike."""
        import pyarrow as pa

        for batch in self._batches():
            columns = [_fixed(column, steps) for column, steps in zip(batch.columns, fixes, strict=True)]
            yield pa.RecordBatch.from_arrays(columns, schema=self.schema)

    @property
    def schema(self) -> pa.Schema:
        """The schema of the batches: each column is text, and named by its number."""
        import pyarrow as pa

        return pa.schema([(f"c{index}", pa.string()) for index in range(len(self.names))])

    def _batches(self) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa
        import pyarrow.csv

        names = self.schema.names
        source: Any = pa.OSFile(str(self.path), "rb") if self.content is None else pa.BufferReader(self.content)
        with source:
            source.seek(self.start)
            if source.tell() == source.size():
                return
            try:
                yield from pa.csv.open_csv(
                    source,
                    read_options=pa.csv.ReadOptions(column_names=names, block_size=self.block_bytes),
                    parse_options=pa.csv.ParseOptions(
                        delimiter=self.form.delimiter_of(self.path),
                        quote_char=self.form.quote or False,
                        newlines_in_values=self.form.quote is not None,
                    ),
                    convert_options=pa.csv.ConvertOptions(
                        column_types=dict.fromkeys(names, pa.string()),
                        null_values=["", *self.form.null_values],
                        strings_can_be_null=True,
                        check_utf8=False,  # the encoding was checked before, with the place of an error
                    ),
                )
            except pa.ArrowInvalid as error:
                if "straddl" in str(error) and self.block_bytes < source.size():
                    raise LongRowError from error
                self.refuse_wrong_rows()
                raise SeedError(str(error)) from error


def _refuse_no_text(path: Path) -> None:
    """Raise SeedError if a file is not UTF-8, or contains a NUL character."""
    decoder, ended = codecs.getincrementaldecoder("utf-8")(), False
    with path.open("rb") as file:
        while not ended:
            block = file.read(_SCANNED_BYTES)
            ended = not block
            if b"\0" in block or not _is_text(decoder, block, ended=ended):
                csv_text.decoded(path.read_bytes(), "utf-8")  # raises, with the place in the whole file


def _is_text(decoder: codecs.IncrementalDecoder, block: bytes, *, ended: bool) -> bool:
    try:
        decoder.decode(block, final=ended)
    except UnicodeDecodeError:
        return False
    return True


def _lines(path: Path, content: bytes | None) -> io.TextIOWrapper:
    raw: Any = path.open("rb") if content is None else io.BytesIO(content)
    return io.TextIOWrapper(raw, encoding="utf-8", newline="")


@dataclass(frozen=True)
class ArrowTexts:
    """Texts in an Arrow array without NULLs."""

    values: pa.Array[Any]

    def first(self) -> str | None:
        return self.values[0].as_py() if len(self.values) else None

    def rest(self, pattern: str) -> ArrowTexts:
        import pyarrow.compute as pc

        matches = pc.match_substring_regex(self.values, f"^(?:{with_blanks(pattern)})$")
        return ArrowTexts(self.values[:0] if pc.all(matches).as_py() else self.values.filter(pc.invert(matches)))

    def listed(self) -> Iterator[str]:
        for start in range(0, len(self.values), 1000):  # in small parts, because often the first text decides
            texts: list[Any] = self.values[start : start + 1000].unique().to_pylist()
            yield from texts

    def unsure_doubles(self) -> Iterator[str]:
        import pyarrow as pa
        import pyarrow.compute as pc

        trimmed = pc.ascii_trim(self.values, characters=BLANKS)
        try:
            shortest = trimmed.cast(pa.float64()).cast(pa.string())
        except pa.ArrowInvalid:
            return self.listed()
        return ArrowTexts(trimmed.filter(pc.not_equal(trimmed, shortest))).listed()

    def digits(self) -> tuple[int, int]:
        import pyarrow.compute as pc

        def most(without: str) -> int:
            rest: Any = pc.replace_substring_regex(self.values, without, "")
            return int(pc.max(pc.binary_length(rest)).as_py() or 0)

        return most(rf"^[{BLANKS}]*-?0*|[.].*|[{BLANKS}]+$"), most(rf"^[^.]*[.]?|[{BLANKS}]+$")


def _fixed(column: pa.Array[Any], fixes: tuple[Fix, ...]) -> pa.Array[Any]:
    import pyarrow.compute as pc

    for fix in fixes:
        if fix == TRIM:
            column = pc.ascii_trim(column, characters=BLANKS)
        else:
            column = pc.replace_substring_regex(column, pattern=fix[0], replacement=fix[1])
    return column
