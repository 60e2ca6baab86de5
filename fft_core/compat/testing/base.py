"""`fastflowtransform.testing.base`: the helper that custom checks in Python import."""

from __future__ import annotations

from typing import Any


def _scalar(con: Any, sql: str) -> Any:  # Any: values of a driver
    """Return the first column of the first row of a query; None if it has no row."""
    row = con.execute(sql).fetchone()
    return row[0] if row else None


scalar = _scalar
