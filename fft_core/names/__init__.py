"""Names: logical names of models, and physical relations with their quoting.

This is the only module that knows the `.ff` suffix.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

SQL_SUFFIX = ".ff.sql"
PYTHON_SUFFIX = ".ff.py"
STREAM_SUFFIX = ".ff.yml"
SYMBOL = "@"  # prefix of tracked relations in SQL that is rendered for a fingerprint, not for a run


def model_name(text: str) -> str:
    """Return the logical name of a model, from any form of it.

    >>> model_name("users.ff"), model_name("users")
    ('users', 'users')
    """
    return text.removesuffix(".ff")


def logical_name(path: Path) -> str:
    """Return the name that FFT derives from a model's file: the stem with `.ff`.

    >>> logical_name(Path("models/users.ff.sql"))
    'users.ff'
    """
    return path.name.removesuffix(".sql").removesuffix(".py").removesuffix(".yml")


def is_plain(name: str) -> bool:
    """Return whether a name can be used unchanged as a relation and as a Dagster asset."""
    return re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) is not None


class Quoting(Protocol):
    """The protocol of objects that quote names: a `Spelling`."""

    def quoted(self, name: str) -> str:
        """Quote one name."""


@dataclass(frozen=True, order=True)
class Relation:
    """A physical table or view; the database's defaults apply to parts that are None.

    >>> from fft_core import Relation
    >>> str(Relation("users", schema="staging"))
    'staging.users'
    """

    name: str
    schema: str | None = None
    catalog: str | None = None

    def __str__(self) -> str:
        return ".".join(self.parts)

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that are set, outermost first."""
        return tuple(part for part in (self.catalog, self.schema, self.name) if part)

    def sql(self, spelling: Quoting) -> str:
        """Return the relation as SQL, with every part quoted."""
        return ".".join(spelling.quoted(part) for part in self.parts)

    def named(self, name: str) -> Relation:
        """Return a relation with another name at the same place."""
        return replace(self, name=name)


def repeated_name(names: Iterable[str]) -> tuple[str, str] | None:
    """Find the first two names that are equal in any case.

    >>> repeated_name(["a", "b", "A"]), repeated_name(["a", "b"])
    (('a', 'A'), None)
    """
    seen: dict[str, str] = {}
    for name in names:
        if name.lower() in seen:
            return seen[name.lower()], name
        seen[name.lower()] = name
    return None
