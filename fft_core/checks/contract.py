"""The declared columns of a relation: their names, and their types as the engine reads them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fft_core.checks.query import CheckQuery
from fft_core.checks.spelled import Spelled
from fft_core.engines.declared_types import word_of
from fft_core.engines.protocol import ColumnType
from fft_core.names.columns import ColumnNames
from fft_core.project.model import ColumnTypes

_NAMES = ("column_name", "promised", "found")
_OURS = "_ff_"  # columns that FFT adds to seeds and snapshots


def contract_query(rule: ColumnTypes, spell: Spelled) -> CheckQuery:
    """Return a query for the columns that differ from the declared ones, one row for each; it reads no rows.

    Raises:
        StatementError: the engine does not know a type.
    """
    broken = _broken(rule, spell)
    literal = spell.spelling.literal
    rows = [[_text(spell, value) for value in row] for row in broken] or [[_text(spell, None)] * len(_NAMES)]
    given = f"select * from {spell.spelling.given(_NAMES, rows)}"
    return CheckQuery(spell.check, literal(len(broken)), given if broken else f"{given} where 1 = 0")


def _text(spell: Spelled, value: str | None) -> str:
    return spell.spelling.cast(spell.spelling.literal(value), "text")


def _broken(rule: ColumnTypes, spell: Spelled) -> list[tuple[str, str | None, str | None]]:
    there = {column.name: column.type for column in spell.columns}
    names = ColumnNames(there)
    promised = [(name, kind, names.find(name)) for name, kind in rule.types]
    meant = _resolved([kind for _, kind, _ in promised], spell)
    broken: list[tuple[str, str | None, str | None]] = []
    for (name, kind, found), types in zip(promised, meant, strict=True):
        if found is None or not any(_is_of(there[found], type) for type in types):
            broken.append((name, kind, there[found] if found is not None else None))
    known = {found for _, _, found in promised}
    more = [name for name in there if name not in known and not name.lower().startswith(_OURS)] if rule.exact else []
    return broken + [(name, None, there[name]) for name in more]


def _resolved(declared: Sequence[str], spell: Spelled) -> list[tuple[str, ...]]:
    """Return the types that the engine reads for each declared one: as written, and as FFT's word if it is one."""
    both = [_meanings(kind, spell) for kind in declared]
    asked = list(dict.fromkeys(_engines_own(kind, spell) for meant in both for kind in meant))
    values = ", ".join(f"{spell.spelling.cast_to('null', kind)} as c{i}" for i, kind in enumerate(asked))
    found: tuple[ColumnType, ...] = spell.engine.columns(f"select {values}")
    resolved = dict(zip(asked, (column.type for column in found), strict=True))
    return [tuple(_written(resolved[_engines_own(kind, spell)], kind, meant[0]) for kind in meant) for meant in both]


def _meanings(kind: str, spell: Spelled) -> tuple[str, ...]:
    """Return a type as it is written, and the word of FFT for it: texts of any length have the same word."""
    types, is_text = spell.engine.types, kind.strip().lower() in ("text", "string", "varchar")
    more = (types.column_type("string"), spell.spelling.types["text"]) if is_text else ()
    return tuple(dict.fromkeys((kind, types.column_type(kind), *more)))


def _engines_own(kind: str, spell: Spelled) -> str:
    """Return a type that the engine knows; a word that only FFT has becomes the engine's type for it."""
    return spell.engine.types.column_type(kind) if kind.strip().lower() in ("string", "double") else kind


def _written(resolved: str, kind: str, declared: str) -> str:
    """Leave out the length or precision that the engine has added to a type that is written without one.

    A whole number keeps it: on engines whose whole numbers are decimals, the scale says that it is one.
    """
    is_exact = "(" in declared and ("(" in kind or kind == declared)
    return resolved if is_exact or word_of(declared) == "integer" else _plain(resolved)


def _is_of(found: str, promised: str) -> bool:
    """Return whether a type is the declared one; one without a length or precision matches any."""
    return found == promised or ("(" not in promised and _plain(found) == promised)


def _plain(kind: str) -> str:
    """Remove the length or precision from a type.

    >>> _plain("numeric(10,2)"), _plain("timestamp(3) with time zone"), _plain("STRUCT(a INTEGER)[]")
    ('numeric', 'timestamp with time zone', 'STRUCT(a INTEGER)[]')
    """
    return re.sub(r"\(\d+(,\s*\d+)?\)", "", kind)
