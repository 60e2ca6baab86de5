"""Names for columns of queries that no column of the user has."""

from __future__ import annotations

from collections.abc import Iterable

ROWS = "_ff_all_rows"


def unused(name: str, columns: Iterable[str]) -> str:
    """Return a name that none of these columns has; case is ignored.

    >>> unused("_ff_rank", ["id"]), unused("_ff_rank", ["_FF_RANK"])
    ('_ff_rank', '_ff_rank_')
    """
    taken = {column.lower() for column in columns}
    while name in taken:
        name += "_"
    return name


def rows_of(columns: Iterable[str]) -> str:
    """Return the name that a scan uses for a whole row of a relation with these columns."""
    return unused(ROWS, columns)
