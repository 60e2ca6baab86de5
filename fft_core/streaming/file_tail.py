"""Growing files: lines of JSON or CSV, read after a position, through rotation and `copytruncate`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from glob import escape, glob, has_magic
from itertools import islice, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from fft_core.errors import StreamError
from fft_core.streaming.records import (
    BROKEN,
    Format,
    Record,
    Values,
    as_table,
    csv_names,
    csv_reader,
    read_json,
    read_record,
    refuse_csv,
)
from fft_core.streaming.source import Backlog, Position, is_count

if TYPE_CHECKING:
    import pyarrow as pa

_DIGESTED = 256  # bytes at the start, and before the offset, by which a file is recognized
_BLOCK = 1 << 20


@dataclass(frozen=True)
class _Mark:
    """The position in one file, and digests by which the file is recognized: bytes that were read do not change.

    Attributes:
        path: The first path of the file, a part of the name of its partition.
        device, inode: The numbers that identify the file on the disk.
        offset: The end of the last complete line that was read.
        head, tail: Digests of the first bytes, and of the bytes before the offset.
        begun: The number of times that this inode was truncated, by `copytruncate`.
        named: The inode of the file when it was read first, if it is another now: that of a copy.
    """

    path: str
    device: int
    inode: int
    offset: int = 0
    head: str = ""
    tail: str = ""
    begun: int = 0
    named: int | None = None

    def __post_init__(self) -> None:
        numbers = (self.device, self.inode, self.offset, self.begun, self.named or 0)
        if not all(map(is_count, numbers)) or not all(isinstance(t, str) for t in (self.path, self.head, self.tail)):
            raise TypeError("a value of the position has another type")

    @property
    def partition(self) -> str:
        return f"#{self.path}#{self.inode if self.named is None else self.named}.{self.begun}"

    def matches(self, path: Path) -> bool:
        """Return whether a file begins with the bytes that were read."""
        try:
            with path.open("rb") as file:
                if os.fstat(file.fileno()).st_size < self.offset:
                    return False
                return not self.offset or (self.head, self.tail) == _digests(file, self.offset)
        except OSError:
            return False


@dataclass(frozen=True)
class _Reading:
    """A file to read now: the mark from which it continues, and its current path."""

    mark: _Mark
    place: Path


class FileTailSource:
    """A source that reads growing files: all that match the patterns, each line once, when it has its newline.

    A file is recognized by its inode and by the bytes that were read, even after it was moved: a rotated file is read
    to its end before the file that took its name. A file that was copied and truncated is read on in its copy, then
    from its start.

    Args:
        path: A path or a pattern (`logs/*.jsonl`, `**` for any folders), or several.
        format: "jsonl" (an object in each line) or "csv".
        header: The names of the columns of CSV files without a first line of names.
        delimiter: The text between the values of a CSV file.
        root: The folder of relative patterns; None for the current folder.

    >>> from fft_core.streaming import FileTailSource
    >>> with open("clicks.jsonl", "w") as file:
    ...     written = file.write('{"user": 1}\\n{"us')
    >>> source = FileTailSource("clicks.jsonl")
    >>> batch, position = source.poll({}, limit=100)
    >>> batch.num_rows, batch["user"].to_pylist(), source.poll(position, limit=100)[0].num_rows
    (1, [1], 0)
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        *,
        format: Format = "jsonl",
        header: Sequence[str] | None = None,
        delimiter: str = ",",
        root: str | os.PathLike[str] | None = None,
    ) -> None:
        if format not in (formats := get_args(Format)):
            raise StreamError(
                f"unknown format {format!r}", hint=f"Formats of files are {', '.join(formats)}.", code="FFT-804"
            )
        given = [path] if isinstance(path, str | os.PathLike) else path
        self._patterns = tuple(os.fspath(one) for one in given)
        if not all(self._patterns) or not self._patterns:
            raise StreamError("a stream of files needs a path, or several", hint="As in logs/*.jsonl.", code="FFT-804")
        refuse_csv(header, delimiter)
        self._format, self._header, self._delimiter = format, tuple(header or ()), delimiter
        self._root = Path(root or ".")

    @property
    def said(self) -> str:
        """The name of the source for people."""
        return f"files {', '.join(self._patterns)}"

    def poll(self, position: Position, limit: int) -> tuple[pa.Table, Position]:
        """Read complete lines after a position; see `Source.poll`. The offset of a line is that of its first byte."""
        readings = self._readings(_marks(position))
        records, marks = list[Record](), list[_Mark]()
        for reading in readings:
            found, mark = self._read(reading, limit - len(records)) if len(records) < limit else ([], reading.mark)
            records += found
            marks.append(mark)
        return as_table(records), {"files": [asdict(mark) for mark in marks]}

    def backlog(self, position: Position) -> Backlog:
        """Count the bytes after a position, including those of a last line without its newline.

        `oldest` is the time at which the file was written last, which is later than the arrival of its first lines.
        """
        size, oldest, first = 0, list[float](), list[Values]()
        for reading in self._readings(_marks(position)):
            try:
                there = reading.place.stat()
            except OSError:
                continue
            if there.st_size > reading.mark.offset:
                size += there.st_size - reading.mark.offset
                oldest.append(there.st_mtime)
                first += self._first(reading)
        return Backlog(size, "bytes", min(oldest, default=None), first)

    def _first(self, reading: _Reading) -> list[Values]:
        """Return the values of the first unread line of a file; nothing if it has no newline yet, or is broken."""
        try:
            with reading.place.open("rb") as file:
                reader, begin = self._reader(file, reading.mark)
                if reader is None:
                    return []
                file.seek(max(reading.mark.offset, begin))
                line = file.readline(_BLOCK)
                return [reader(line.rstrip(b"\r\n"))] if line.endswith(b"\n") else []
        except (OSError, StreamError, *BROKEN):
            return []

    def end(self) -> Position:
        """Return the position after all complete lines that exist."""
        marks = []
        for reading in self._readings(()):
            with reading.place.open("rb") as file:
                offset = _end_of_lines(file)
                head, tail = _digests(file, offset)
            marks.append(replace(reading.mark, offset=offset, head=head, tail=tail))
        return {"files": [asdict(mark) for mark in marks]}

    def offsets(self, position: Position) -> Mapping[str, int]:
        """Return the offset up to which each file was read, by partition."""
        return {mark.partition: mark.offset for mark in _marks(position)}

    def close(self) -> None:
        """Do nothing: no file stays open."""

    # --- which files --------------------------------------------------------------------------------------------------

    def _readings(self, known: Sequence[_Mark]) -> list[_Reading]:
        """Find all files to read: known ones, even if they were moved, then new ones, the oldest first."""
        self._refuse_absent(known)
        found = self._found()
        beside = _beside({str(self._root / mark.path) for mark in known}, found) if known else {}
        known_paths = frozenset(map(Path, found))
        readings, taken = list[_Reading](), set[tuple[int, int]]()
        for mark in known:
            for reading in _continued(mark, beside, known_paths):
                identity = _identity(reading.place)
                if identity is not None and identity not in taken:
                    taken.add(identity)
                    readings.append(reading)
        for path, there in sorted(found.items(), key=lambda item: (item[1].st_mtime_ns, item[0])):
            if (there.st_dev, there.st_ino) not in taken:
                shown = os.path.relpath(path, self._root) if not _is_absolute(self._patterns) else path
                readings.append(_Reading(_Mark(shown, there.st_dev, there.st_ino), Path(path)))
        return readings

    def _refuse_absent(self, known: Sequence[_Mark]) -> None:
        """Raise StreamError if a folder of known files is gone: if it came back, they would be read once more."""
        for pattern in self._patterns:
            folder = _folder_of(self._root / pattern)
            there = [mark for mark in known if (self._root / mark.path).is_relative_to(folder)]
            if there and not folder.is_dir():
                raise StreamError(
                    f"the folder {folder} is gone, with {len(there)} files that were read",
                    hint="Is it on a disk that is not mounted? If it is gone for good, make an empty one.",
                    code="FFT-801",
                )

    def _found(self) -> dict[str, os.stat_result]:
        found = dict[str, os.stat_result]()
        for pattern in self._patterns:
            if Path(self._root, pattern).is_dir():
                hint = f"Write {pattern.rstrip('/')}/*.{self._format}, or another pattern of files."
                raise StreamError(f"{pattern} is a folder, and not a file", hint=hint, code="FFT-804")
            for path in sorted(glob(self._rooted(pattern), recursive=True)):  # noqa: PTH207 (of any root)
                there = _stat(path)
                if there is not None:
                    found[path] = there
        return found

    def _rooted(self, pattern: str) -> str:
        """Return a pattern below the root, whose own name may have letters that mean something in a pattern."""
        return pattern if Path(pattern).is_absolute() else os.path.join(escape(str(self._root)), pattern)  # noqa: PTH118

    # --- lines --------------------------------------------------------------------------------------------------------

    def _read(self, reading: _Reading, limit: int) -> tuple[list[Record], _Mark]:
        mark = reading.mark
        try:
            with reading.place.open("rb") as file:
                reader, begin = self._reader(file, mark)
                if reader is None:
                    return [], mark
                file.seek(max(mark.offset, begin))
                records, offset = list[Record](), max(mark.offset, begin)
                for line in islice(_lines(file), limit):
                    text = line.rstrip(b"\r\n")
                    if text.strip():
                        records.append(read_record(mark.partition, offset, text, reader))
                    offset += len(line)
                if offset == mark.offset:
                    return [], mark
                head, tail = _digests(file, offset)
        except OSError as error:
            raise StreamError(f"{reading.place} cannot be read: {error.strerror}", code="FFT-801") from error
        return records, replace(mark, offset=offset, head=head, tail=tail)

    def _reader(self, file: Any, mark: _Mark) -> tuple[Callable[[bytes], Values] | None, int]:
        """Return the reader of a line, and the start of the first line; no reader if a CSV file lacks its names yet."""
        if self._format == "jsonl":
            return read_json, 0
        if self._header:
            return csv_reader(self._header, self._delimiter), 0
        file.seek(0)
        first = file.readline()
        if not first.endswith(b"\n"):
            return None, 0
        return csv_reader(csv_names(first, self._delimiter, mark.path), self._delimiter), len(first)


def _continued(mark: _Mark, beside: Mapping[tuple[int, int], Path], wanted: frozenset[Path]) -> Iterator[_Reading]:
    """Find the rest of a known file: at its inode; or, if that was truncated, in a copy and then from its start."""
    there = beside.get((mark.device, mark.inode))
    if there is not None and mark.matches(there):
        yield _Reading(mark, there)
        return
    copies = (path for path in beside.values() if path != there and mark.offset and mark.matches(path))
    copy = next(copies, None)
    if copy is not None and (identity := _identity(copy)):
        named = mark.inode if mark.named is None else mark.named
        yield _Reading(replace(mark, device=identity[0], inode=identity[1], named=named), copy)
    if there in wanted:  # if another file has the inode by now, it is read only if it matches the patterns
        yield _Reading(_Mark(mark.path, mark.device, mark.inode, begun=mark.begun + 1), there)


def _marks(position: Position) -> list[_Mark]:
    try:
        if position.keys() - {"files"}:
            raise TypeError
        return [_Mark(**one) for one in position.get("files", ())]
    except (TypeError, AttributeError) as error:
        raise StreamError(f"this is not a position of files: {dict(position)!r}", code="FFT-803") from error


def _lines(file: Any) -> Iterator[bytes]:
    """Yield complete lines."""
    rest = b""
    while block := file.read(_BLOCK):
        *lines, rest = (rest + block).split(b"\n")
        yield from (line + b"\n" for line in lines)


def _end_of_lines(file: Any) -> int:
    """Return the offset of the end of the last complete line."""
    end = file.seek(0, os.SEEK_END)
    while end:
        begin = max(0, end - _BLOCK)
        file.seek(begin)
        newline = file.read(end - begin).rfind(b"\n")
        if newline >= 0:
            return int(begin + newline + 1)
        end = begin
    return 0


def _digests(file: Any, offset: int) -> tuple[str, str]:
    """Return digests of the first bytes of a file, and of the bytes before an offset."""
    file.seek(0)
    head = file.read(min(_DIGESTED, offset))
    file.seek(max(0, offset - _DIGESTED))
    tail = file.read(min(_DIGESTED, offset))
    return hashlib.sha256(head).hexdigest()[:16], hashlib.sha256(tail).hexdigest()[:16]


def _beside(paths: set[str], found: Mapping[str, os.stat_result]) -> dict[tuple[int, int], Path]:
    """Find the files in the folders of known ones: rotated files are there, under any name."""
    there = {(stat.st_dev, stat.st_ino): Path(path) for path, stat in found.items()}
    for folder in {Path(path).parent for path in paths}:
        try:
            entries = sorted(entry.path for entry in os.scandir(folder) if entry.is_file())
        except OSError:
            continue
        for path in entries:
            stat = _stat(path)
            if stat is not None:
                there.setdefault((stat.st_dev, stat.st_ino), Path(path))
    return there


def _stat(path: str) -> os.stat_result | None:
    try:
        return Path(path).stat() if Path(path).is_file() else None
    except OSError:
        return None


def _identity(path: Path) -> tuple[int, int] | None:
    there = _stat(str(path))
    return (there.st_dev, there.st_ino) if there else None


def _folder_of(pattern: Path) -> Path:
    """Return the folder of a pattern, up to the first part with a special letter."""
    parts = list(takewhile(lambda part: not has_magic(part), pattern.parts[:-1]))
    return Path(*parts)


def _is_absolute(patterns: Sequence[str]) -> bool:
    return all(Path(pattern).is_absolute() for pattern in patterns)
