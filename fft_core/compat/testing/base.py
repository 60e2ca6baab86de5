"""`fastflowtransform.testing.base`: what custom checks in Python use of it."""

from __future__ import annotations

from typing import Any


def _scalar(con: Any, sql: str) -> Any:  # Any: whatever the database gives
    """Return the first column of the first row of a query; None if it has no row."""
    row = con.execute(sql).fetchone()
    return row[0] if row else None


scalar = _scalar
