"""Lookup of columns by name: an exact match, or else the only match in another case.

In DuckDB, names that differ only in case are the same; in Postgres, `"Val"` and `val` are two columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fft_core.errors import FftError


class AmbiguousColumnError(FftError):
    """A name matches several columns, each in another case."""

    default_code = "FFT-602"

    def __init__(self, name: str, found: Iterable[str]) -> None:
        spelled = sorted(found)
        super().__init__(
            f"{name!r} matches several columns: {', '.join(map(repr, spelled))}",
            hint=f"Write it exactly as one of them: {' or '.join(map(repr, spelled))}.",
        )


class ColumnNames:
    """The names of a relation's columns, for lookups.

    >>> names = ColumnNames(["id", "Val", "val"])
    >>> names.find("ID"), names.find("val"), names.find("Val"), names.find("x")
    ('id', 'val', 'Val', None)
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = dict.fromkeys(names)
        self._by_key = dict[str, list[str]]()
        for name in self._names:
            self._by_key.setdefault(name.lower(), []).append(name)

    def find(self, name: str) -> str | None:
        """Return the column that a name means; None if there is none. Raises AmbiguousColumnError."""
        if name in self._names:
            return name
        found = self._by_key.get(name.lower(), [])
        if len(found) > 1:
            raise AmbiguousColumnError(name, found)
        return found[0] if found else None


def paired(stored: Iterable[str], given: Iterable[str]) -> Mapping[str, str]:
    """Pair the columns of two relations, in the order of `given`: first exact matches, then matches in another case.

    Raises AmbiguousColumnError.

    >>> paired(["id", "val"], ["ID", "val", "Val"])
    {'id': 'ID', 'val': 'val'}
    """
    stored, given = list(stored), list(given)
    alike = set(stored) & set(given)
    left = ColumnNames(name for name in stored if name not in alike)
    right = ColumnNames(name for name in given if name not in alike)
    pairs = {}
    for name in given:
        found = name if name in alike else left.find(name)
        if found is not None:
            right.find(found)  # raises if another name matches this column as well
            pairs[found] = name
    return pairs
