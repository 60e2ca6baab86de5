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
        counted: A query for the number of what fails and of all that is counted, where `count` is None; None if the
            failing rows are counted, among all rows.
        made_of: Columns of the failing rows that have another name than those whose values they show, in SQL.
    """

    check: Check
    count: str | None
    failing_rows: str
    is_number: bool = False
    measure: str | None = None
    counted: str | None = None
    made_of: Mapping[str, str] = field(default_factory=dict)
