"""A check as SQL."""

from __future__ import annotations

from dataclasses import dataclass

from fft_core.project.model import Check


@dataclass(frozen=True)
class CheckQuery:
    """A check as SQL over one relation.

    `count` is an aggregate over all rows of the relation that gives the number of failing ones, to be computed together
    with those of other checks; None where the check needs a query of its own. `failing_rows` selects them; with
    `is_number`, it is a query for their number. `measure` is an aggregate that is kept for the build to come.
    """

    check: Check
    count: str | None
    failing_rows: str
    is_number: bool = False
    measure: str | None = None
