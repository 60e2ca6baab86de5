"""The SQL of a check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fft_core.project.model import Check


@dataclass(frozen=True)
class CheckQuery:
    """The SQL of a check on one relation.

    Attributes:
        check: The check.
        count: An aggregate over all rows of the relation that returns the number of failing ones, computed together
            with those of other checks; None if the check needs a query of its own.
        failing_rows: A query for the failing rows; with `is_number`, for their number.
        is_number: Whether `failing_rows` returns a number.
        measure: An aggregate that is kept for the next build.
        counted: A query for one row, if `count` is None: `failing`, the number of failures, and `total`, the number of
            all that was counted, or NULL for the judged rows. Such queries are run together. None if the failing rows
            are to be counted.
        made_of: The SQL of columns of the failing rows that show the values of a column under another name.
    """

    check: Check
    count: str | None
    failing_rows: str
    is_number: bool = False
    measure: str | None = None
    counted: str | None = None
    made_of: Mapping[str, str] = field(default_factory=dict)
