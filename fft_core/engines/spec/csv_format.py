"""The format of a CSV file: the characters between and around its fields, and the texts that mean NULL."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CSV_SUFFIXES = (".csv", ".tsv")


@dataclass(frozen=True)
class CsvFormat:
    """The declared format of a file.

    Attributes:
        delimiter: The character between two fields; that of the file's suffix if None.
        encoding: A name that Python's codecs know. A byte order mark is skipped.
        quote: The character around a field that holds delimiters or line ends; None if there is none.
        null_values: Texts that mean NULL, besides the empty one.
        header: Whether the first line names the columns; or the names, if no line has them.
    """

    delimiter: str | None = None
    encoding: str = "utf-8"
    quote: str | None = '"'
    null_values: tuple[str, ...] = ()
    header: bool | tuple[str, ...] = True

    def delimiter_of(self, path: Path) -> str:
        """Return the delimiter of a file."""
        return self.delimiter or ("\t" if path.suffix == ".tsv" else ",")


DEFAULT = CsvFormat()
