"""The tables that keep failing rows: their names, and the number of rows."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from fft_core.checks.query import CheckQuery
from fft_core.engines.protocol import Session
from fft_core.errors import EngineError, StatementError
from fft_core.project.model import Check

if TYPE_CHECKING:
    import pyarrow as pa

PREFIX = "_ff_failures_"
MOST_ROWS = 10_000  # they are in memory until the build is over
_LONGEST = 63  # length of a name, on Postgres
_OF_PROJECT, _OF_CHECK = 4, 6  # digits of digests


def failures_name(project: str, check: Check) -> str:
    """Return the name of a check's table, which no other check and no other project has.

    >>> from pathlib import Path
    >>> from fft_core.errors import Location
    >>> from fft_core.project.model import NotNull
    >>> failures_name("shop", Check("not_null_id", "users", "not_null", NotNull("id"), Location(Path("project.yml"))))
    '_ff_failures_not_null_id_5d69f9a5f5'
    """
    digest = _digest(project)[:_OF_PROJECT] + _digest(f"{check.node}\n{check.name}")[:_OF_CHECK]
    kept = check.name.lower()[: _LONGEST - len(PREFIX) - len(digest) - 1]
    return f"{PREFIX}{kept}_{digest}"


def is_of_project(name: str, project: str) -> bool:
    """Return whether a table of this name holds failing rows of a check of a project."""
    digest = _digest(project)[:_OF_PROJECT]
    return re.fullmatch(rf"{PREFIX}.*_{digest}[0-9a-f]{{{_OF_CHECK}}}", name, re.IGNORECASE) is not None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def taken_rows(engine: Session, query: CheckQuery) -> pa.Table | str:
    """Read failing rows before they are gone, at most MOST_ROWS; if they cannot be kept, return the reason."""
    try:
        return engine.frames.read(f"select * from ({query.failing_rows}) as _ff_failing_rows limit {MOST_ROWS}")
    except StatementError:
        raise
    except EngineError as error:  # a type that no frame supports
        return error.problem.message
