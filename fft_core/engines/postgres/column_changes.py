"""The columns of a table that change when it gets those of another one, and the statements for that."""

from __future__ import annotations

from collections.abc import Sequence

from fft_core.engines.postgres.spelling import SPELLING


def touched_columns(now: Sequence[tuple[str, str]], wanted: Sequence[tuple[str, str]]) -> list[str]:
    """Return the names of the columns that `column_changes` drops or gives another type.

    >>> touched_columns([("a", "text"), ("b", "text")], [("a", "bigint"), ("c", "text")])
    ['a', 'b']
    """
    keep, types = _kept(now, wanted), dict(wanted)
    return [name for name, kind in now if name not in keep or kind != types[name]]


def column_changes(now: Sequence[tuple[str, str]], wanted: Sequence[tuple[str, str]]) -> list[str]:
    """Render the actions of ALTER TABLE that give an empty table the wanted columns, in their order.

    The columns before the first one that is out of order stay; the others are dropped and added again.

    >>> column_changes([("a", "text"), ("b", "text")], [("a", "bigint"), ("c", "text")])
    ['drop column "b"', 'alter column "a" drop default, alter column "a" type bigint using null', 'add column "c" text']
    """
    types, keep = dict(wanted), _kept(now, wanted)
    drops = [f"drop column {SPELLING.quoted(name)}" for name, _ in now if name not in keep]
    changes = [
        f"alter column {quoted} drop default, alter column {quoted} type {types[name]} using null"
        for name, kind, quoted in ((name, kind, SPELLING.quoted(name)) for name, kind in now)
        if name in keep and kind != types[name]
    ]
    adds = [f"add column {SPELLING.quoted(name)} {kind}" for name, kind in wanted if name not in keep]
    return [*drops, *changes, *adds]


def _kept(now: Sequence[tuple[str, str]], wanted: Sequence[tuple[str, str]]) -> set[str]:
    """Return the columns that stay: those before the first one that is out of order."""
    staying = [name for name, _ in now if name in dict(wanted)]
    places = zip(staying, (name for name, _ in wanted), strict=False)
    in_order = next((i for i, (mine, theirs) in enumerate(places) if mine != theirs), len(staying))
    return set(staying[:in_order])
