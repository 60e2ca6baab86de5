"""Errors of the client as errors of FFT: missing relations, wrong statements with their place, errors to retry."""

from __future__ import annotations

import re

import requests.exceptions
from google.api_core.exceptions import (
    Conflict,
    Forbidden,
    GoogleAPICallError,
    GoogleAPIError,
    NotFound,
    RetryError,
    ServerError,
    TooManyRequests,
)
from google.auth.exceptions import GoogleAuthError

from fft_core.errors import BusyError, ConnectError, EngineError, StatementError, UnreachableError

FAULTS = (GoogleAPIError, GoogleAuthError, requests.exceptions.RequestException)
_BUSY = frozenset(
    "backendError internalError jobBackendError jobInternalError rateLimitExceeded jobRateLimitExceeded aborted "
    "resourcesExceeded tableUnavailable timeout".split()
)
_IN_THE_WAY = ("Could not serialize access", "Transaction is aborted due to concurrent update", "is aborted")
_MISSING = re.compile(r"Not found: (?:Table|Dataset|View) ([^\s]+)")
_PLACE = re.compile(r"\[(\d+):(\d+)\]")
_REPEATED = re.compile(r"(?:Found duplicate\(s\):|has columns with duplicate name) ([^\s,;]+)")
_NAME_EACH = "Name each differently; of a join, select the columns of one side, or write `using (...)`."
_AGAIN = "A later try can succeed."


def explained(error: Exception, sql: str, *, is_interrupted: bool) -> EngineError:
    """Return the error of FFT for an error of the client."""
    said = message_of(error)
    if is_interrupted:
        return EngineError("the statement was interrupted", code="FFT-604")
    if isinstance(error, GoogleAuthError):
        return ConnectError(f"the credentials are not valid any more: {said}", hint="Sign in again.", code="FFT-220")
    if isinstance(error, requests.exceptions.RequestException | RetryError):
        return BusyError(f"the connection was lost: {said}", hint=_AGAIN, code="FFT-221")
    reason = reason_of(error)
    if reason == "stopped":
        return BusyError(f"the job was cancelled: {said}", hint="Did somebody end it in the console?", code="FFT-604")
    if isinstance(error, ServerError | TooManyRequests) or reason in _BUSY:
        return BusyError(
            f"BigQuery cannot do it now ({reason or type(error).__name__}): {said}", hint=_AGAIN, code="FFT-221"
        )
    if any(words in said for words in _IN_THE_WAY):
        return BusyError(f"another session is in the way: {said}", hint=_AGAIN)
    return _rejected(error, said, sql)


def explained_connection(error: Exception, project: str) -> ConnectError:
    """Return the error of FFT for a connection that cannot be made."""
    said = message_of(error)
    is_silent = isinstance(error, requests.exceptions.RequestException | RetryError | ServerError)
    kind = UnreachableError if is_silent else ConnectError
    return kind(
        f"cannot connect to BigQuery in the project {project}: {said}",
        hint="Look at project, location and the credentials.",
    )


def reason_of(error: Exception) -> str:
    """Return the service's word for an error, such as `invalidQuery`; empty if there is none."""
    details = error.errors if isinstance(error, GoogleAPICallError) else ()
    for detail in details or ():
        if isinstance(detail, dict) and detail.get("reason"):
            return str(detail["reason"])
    return ""


def message_of(error: Exception) -> str:
    """Return what the service says, without the address of the request."""
    said = error.message if isinstance(error, GoogleAPICallError) and error.message else str(error)
    text = re.sub(r"^(?:GET|POST|PUT|PATCH|DELETE) https?://\S+: ", "", said.strip())
    return re.sub(r"; reason: \w+(?:, location: \w+)?, message: .*", "", text, flags=re.DOTALL).partition("\n")[0]


def _rejected(error: Exception, said: str, sql: str) -> StatementError:
    place = _PLACE.search(said)
    position = _position(sql, int(place[1]), int(place[2])) if place else None
    repeated = _REPEATED.search(said)
    if repeated:
        message = f"the query has two columns called {repeated[1].strip(chr(39))!r}"
        return StatementError(message, sql=sql, hint=_NAME_EACH, position=position, code="FFT-602")
    missing = _MISSING.search(said) if isinstance(error, NotFound) else None
    hint = "Look at the roles of the account that signs in." if isinstance(error, Forbidden) else None
    if isinstance(error, Conflict):
        hint = "Has something else made it at the same moment?"
    named = re.split(r"[.:]", missing[1])[-1].strip("`") if missing else None
    return StatementError(said, sql=sql, hint=hint, missing=named, position=position)


def _position(sql: str, line: int, column: int) -> int | None:
    """Return the offset in a statement of a line and a column, both counted from 1; None if the line is missing."""
    lines = sql.splitlines(keepends=True)
    return sum(map(len, lines[: line - 1])) + column - 1 if 1 <= line <= len(lines) else None
