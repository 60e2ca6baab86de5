"""Errors of the connector as errors of FFT: missing relations, wrong statements with their place, errors to retry."""

from __future__ import annotations

import re

from snowflake.connector.errors import Error

from fft_core.engines.snowflake.spelling import shown
from fft_core.errors import BusyError, EngineError, StatementError

_CANCELLED = (604,)
_MISSING = (2003, 2043)  # an object that does not exist, or that the role may not see
_BUSY = (625, 639, 1797, 90001)  # a lock, or a statement that was aborted in favor of another one
_SIGNED_OUT = (390111, 390112, 390114, 390195)
_LOST = (250001, 250002, 250003, 251001, 253003, 290429, 290500, 290502, 290503, 290504)
_NUMBER = re.compile(r"^\d{6} \(\w+\): ")
_OBJECT = re.compile(
    r"(?:Object|Table|View|Schema|Database) '?(?:with name )?\"?([^'\" ]+)\"?'? does not exist", re.IGNORECASE
)
_NAMED = re.compile(r"[^.\"]+|\"(?:[^\"]|\"\")*\"")


def explained(error: Error, sql: str, *, is_interrupted: bool) -> EngineError:
    """Return the error of FFT for an error of the connector."""
    said = _NUMBER.sub("", (error.raw_msg or error.msg or str(error)).strip())
    if error.errno in _CANCELLED:
        return (
            EngineError("the statement was interrupted", code="FFT-604")
            if is_interrupted
            else BusyError(
                f"Snowflake cancelled the statement: {said}",
                hint="Is a STATEMENT_TIMEOUT_IN_SECONDS set, or was it ended there?",
                code="FFT-604",
            )
        )
    if error.errno in _BUSY:
        return BusyError(f"another session holds a lock: {said}", hint="Try again later.")
    if error.errno in _SIGNED_OUT:
        return BusyError(
            f"the session has ended: {said}", hint="Try again: the next try signs in again.", code="FFT-221"
        )
    if error.errno in _LOST:
        return BusyError(f"the connection was lost: {said}", hint="Try again later.", code="FFT-221")
    return _rejected(error, said, sql)


def _rejected(error: Error, said: str, sql: str) -> StatementError:
    place = re.search(r"(?:error )?line (\d+) at position (\d+)", said)
    position = _position(sql, int(place[1]), int(place[2])) if place else None
    repeated = re.search(r"duplicate column name '(.+?)'", said)
    if repeated:
        said, hint = f"the query has two columns called {shown(repeated[1])!r}", _NAME_EACH
        return StatementError(said, sql=sql, hint=hint, position=position, code="FFT-602")
    missing = _OBJECT.search(said) if error.errno in _MISSING else None
    return StatementError(said, sql=sql, missing=_last_part(missing[1]) if missing else None, position=position)


_NAME_EACH = "Name each differently; of a join, select the columns of one side, or write `using (...)`."


def _position(sql: str, line: int, column: int) -> int | None:
    """Return the offset in a statement of a line, counted from 1, and a column, from 0; None if the line is missing."""
    lines = sql.splitlines(keepends=True)
    if not 1 <= line <= len(lines):
        return None
    return sum(map(len, lines[: line - 1])) + column


def _last_part(name: str) -> str:
    """Return the name of a relation without its schema, in the case that the project uses."""
    return shown(_NAMED.findall(name)[-1].strip('"'))
