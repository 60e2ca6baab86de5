"""Errors of Spark as errors of FFT: missing relations, wrong statements with their place, errors to retry."""

from __future__ import annotations

import re

from fft_core.errors import BusyError, EngineError, StatementError

_JVM = re.compile(r"\n\s*JVM stacktrace:.*", re.DOTALL)
_CLASS = re.compile(r"^\s*\[([A-Z0-9_.]+)\]\s*")
_CANCELLED = ("OPERATION_CANCELED", "OPERATION_CANCELLED", "SPARK_JOB_CANCELLED", "cancelled", "canceled")
_BUSY = re.compile(
    r"DELTA_CONCURRENT_|CommitFailedException|CommitStateUnknown|ConcurrentModificationException|DELTA_PROTOCOL_CHANGED"
)
_LOST = re.compile(
    r"StatusCode\.UNAVAILABLE|INVALID_HANDLE\.SESSION_|SESSION_NOT_FOUND|failed to connect to all addresses"
)
_MISSING = ("TABLE_OR_VIEW_NOT_FOUND", "SCHEMA_NOT_FOUND", "NO_SUCH_TABLE")
_NAMED = re.compile(r"`((?:[^`]|``)*)`(?:\.`((?:[^`]|``)*)`)*")
_PLACE = re.compile(r"line (\d+),? pos(?:ition)? (\d+)")
_REPEATED = re.compile(
    r"COLUMN_ALREADY_EXISTS\] The column `(.+?)` already exists|duplicate unqualified field name (\S+)"
)
_NAME_EACH = "Name each differently; of a join, select the columns of one side, or write `using (...)`."
NO_SCHEMA = "SCHEMA_NOT_FOUND"


def explained(error: Exception, sql: str, *, is_interrupted: bool) -> EngineError:
    """Return the error of FFT for an error of Spark, its client, or gRPC."""
    whole = _JVM.sub("", str(error)).strip()
    if is_interrupted and (any(word in whole for word in _CANCELLED) or _LOST.search(whole)):
        return EngineError("the statement was interrupted", code="FFT-604")
    said = _CLASS.sub("", whole).partition("\n")[0].strip() or type(error).__name__
    if _BUSY.search(whole):
        return BusyError(f"another session is in the way: {said}", hint="A later try can succeed.")
    if _LOST.search(whole):
        return BusyError(f"the session was lost: {said}", hint="A later try can succeed.", code="FFT-221")
    if any(word in whole for word in _CANCELLED[:3]):
        return BusyError(f"Spark cancelled the statement: {said}", hint="Was it ended there?", code="FFT-604")
    return _rejected(whole, said, sql)


def _rejected(whole: str, said: str, sql: str) -> StatementError:
    position = _position(whole, sql)
    repeated = _REPEATED.search(whole)
    if repeated:
        said = f"the query has two columns called {repeated[1] or repeated[2]!r}"
        return StatementError(said, sql=sql, hint=_NAME_EACH, position=position, code="FFT-602")
    return StatementError(said, sql=sql, missing=_missing(whole), position=position)


def _missing(whole: str) -> str | None:
    """Return the name of a relation that is not there, without its database."""
    if not any(word in whole for word in _MISSING):
        return None
    named = _NAMED.search(whole)
    if named:
        return named[0].split("`.`")[-1].strip("`").replace("``", "`")
    last = re.search(r"not found: (\S+)", whole)
    return last[1].rpartition(".")[2] if last else None


def _position(whole: str, sql: str) -> int | None:
    """Return the offset in a statement of the line, counted from 1, and the column, from 0, that an error names."""
    place = _PLACE.search(whole)
    lines = sql.splitlines(keepends=True)
    if place is None or not 1 <= int(place[1]) <= len(lines):
        return None
    return sum(map(len, lines[: int(place[1]) - 1])) + int(place[2])
