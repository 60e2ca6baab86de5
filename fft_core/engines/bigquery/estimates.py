"""Estimates of the bytes that a query reads: by a dry run, which is free."""

from __future__ import annotations

from collections.abc import Callable


class BigQueryEstimates:
    """Estimates by dry runs.

    Args:
        dry_run: Returns the bytes that a query would process.
    """

    def __init__(self, dry_run: Callable[[str], int | None]) -> None:
        self._dry_run = dry_run

    def bytes_of(self, sql: str) -> int | None:
        return self._dry_run(sql)
