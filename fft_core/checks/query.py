"""A check as SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fft_core.project.model import Check


@dataclass(frozen=True)
class CheckQuery:
    """A check as SQL over one relation.

    Attributes:
        check: The check.
        count: An aggregate over all rows of the relation that gives the number of failing ones, to be computed together
            with those of other checks; None if the check needs a query of its own.
        failing_rows: Selects them; with `is_number`, it is a query for their number.
        is_number: See there.
        measure: An aggregate that is kept for the build to come.
        counted: A query for one row, where `count` is None: `failing`, how much fails, and `total`, how much is
            counted, or NULL for the rows that are judged. Such queries can be asked together. None if the failing rows
            are to be counted.
        made_of: Columns of the failing rows that have another name than those whose values they show, in SQL.
    """

    check: Check
    count: str | None
    failing_rows: str
    is_number: bool = False
    measure: str | None = None
    counted: str | None = None
    made_of: Mapping[str, str] = field(default_factory=dict)
