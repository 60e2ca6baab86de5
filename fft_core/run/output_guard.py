"""Masks secrets in the streams, log records and warnings of this process."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any, BinaryIO, TextIO, cast

from fft_core.engines.spec.masking import Masker
from fft_core.names.text import visible


class OutputGuard(AbstractContextManager["OutputGuard"]):
    """A context in which all printed text, log records and warnings of this process are masked, of any code.

    `masker` may be replaced when more secrets become known. Printed text keeps its escape sequences, for colours and
    progress bars; logged text does not. The output of child processes, and of C code that writes by itself, is not
    masked.
    """

    def __init__(self, masker: Masker) -> None:
        self.masker = masker

    def __enter__(self) -> OutputGuard:
        self._streams = sys.stdout, sys.stderr
        self._wrapped = tuple(MaskedStream(stream, self) for stream in self._streams)
        sys.stdout, sys.stderr = (cast("TextIO", stream) for stream in self._wrapped)
        self._make_record, self._format_warning = logging.getLogRecordFactory(), warnings.formatwarning
        logging.setLogRecordFactory(self._record)
        warnings.formatwarning = self._warning
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Restore the streams and functions that no other code has replaced meanwhile."""
        for wrapped in self._wrapped:
            wrapped.release()
        if sys.stdout is self._wrapped[0]:
            sys.stdout = self._streams[0]
        if sys.stderr is self._wrapped[1]:
            sys.stderr = self._streams[1]
        if logging.getLogRecordFactory() == self._record:
            logging.setLogRecordFactory(self._make_record)
        if warnings.formatwarning == self._warning:
            warnings.formatwarning = self._format_warning

    def _record(self, *arguments: Any, **keywords: Any) -> logging.LogRecord:  # Any: as the factory of logging
        record: logging.LogRecord = self._make_record(*arguments, **keywords)
        try:
            said = record.getMessage()
        except Exception:  # noqa: BLE001 - arguments that do not fit: the handler reports them
            return record
        shown = visible(self.masker(said))
        if shown != said:
            record.msg, record.args = shown, None
        if record.exc_info and record.exc_info[1] is not None:
            error = self.masker.error(record.exc_info[1])
            record.exc_info = type(error), error, record.exc_info[2]
        return record

    def _warning(self, *arguments: Any, **keywords: Any) -> str:  # Any: as warnings.formatwarning
        return visible(self._format_warning(*arguments, **keywords))


class MaskedStream:
    """A text stream that masks the text written to it, and passes everything else to the stream below.

    A line is written as a whole, because `print` writes its parts one by one, and other threads print meanwhile.
    """

    def __init__(self, stream: TextIO, guard: OutputGuard) -> None:
        self.unmasked = stream
        self.guard = guard
        self._held: dict[int, tuple[str, str]] = {}  # by thread: unfinished line, possible beginning of a secret
        self._lock = threading.RLock()

    def write(self, text: str) -> int:
        """Write a text; an unfinished line, and a possible beginning of a secret, wait for the rest."""
        with self._lock:
            line, begun = self._held.get(threading.get_ident(), ("", ""))
            known = begun + text
            certain = len(known) - self.guard.masker.begun(known)
            line += self.guard.masker(known[:certain])
            ended = line.rfind("\n") + 1
            self._held[threading.get_ident()] = line[ended:], known[certain:]
            self._write(line[:ended])
        return len(text)

    def flush(self) -> None:
        """Write the unfinished line of this thread as well, except for a possible beginning of a secret."""
        with self._lock:
            line, begun = self._held.get(threading.get_ident(), ("", ""))
            self._held[threading.get_ident()] = "", begun
            self._write(line)
            self.unmasked.flush()

    def release(self) -> None:
        """Write all text that waits, because no more text will follow."""
        with self._lock:
            held, self._held = self._held, {}
            for line, begun in held.values():
                self._write(line + begun)

    def _write(self, text: str) -> None:
        if text:
            self.unmasked.write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    @property
    def buffer(self) -> Any:  # Any: as in the stream below, which may have none
        return _MaskedBytes(self.unmasked.buffer, self.guard)

    def __getattr__(self, name: str) -> Any:  # Any: an attribute of the stream below
        return getattr(self.unmasked, name)


class _MaskedBytes:
    """A binary stream that masks the bytes written to it."""

    def __init__(self, stream: BinaryIO, guard: OutputGuard) -> None:
        self._stream = stream
        self.guard = guard

    def write(self, content: bytes | bytearray | memoryview) -> int:
        given = bytes(content)
        masked = self.guard.masker(given.decode("utf-8", "surrogateescape"))
        self._stream.write(masked.encode("utf-8", "surrogateescape"))
        return len(given)

    def __getattr__(self, name: str) -> Any:  # Any: an attribute of the stream below
        return getattr(self._stream, name)


def guarded_output(masker: Masker) -> AbstractContextManager[OutputGuard | None]:
    """Return a guard of the output; one without effect if the output is guarded already for at least these values."""
    guard = getattr(sys.stdout, "guard", None)
    known = isinstance(guard, OutputGuard) and masker.values <= guard.masker.values
    return nullcontext() if known else OutputGuard(masker)
