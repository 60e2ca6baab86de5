"""Pairs of rows: those that differ have different digests, those that are equal have the same digest."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from fft_core.engine_check.outcomes import BrokenClaimError, NotClaimedError
from fft_core.engine_check.statements import publish
from fft_core.engines.protocol import Session
from fft_core.errors import EngineError
from fft_core.names import Relation

if TYPE_CHECKING:
    import pyarrow as pa

NAME = "ff_check_pairs"
_EARLY, _LATER = datetime(2024, 1, 1, 0, 0, 0, 1), datetime(2024, 1, 1, 0, 0, 0, 2)  # a microsecond apart
Values: TypeAlias = Sequence[object]

# The values of a column in the rows of one side, and in those of the other, by the column's type.
DIFFERENT: Mapping[str, Mapping[str, tuple[Values, Values]]] = {
    "text": {
        "NULL and an empty text": ([None], [""]),
        "a row once and twice": (["a"], ["a", "a"]),
        "a row twice and three times": (["a", "a"], ["a", "a", "a"]),
        "no rows and a row of NULL": ([], [None]),
    },
    "number": {"0 and -0": ([0.0], [-0.0]), "1.5 and NaN": ([1.5], [math.nan])},
    "decimal": {"the last digit of decimals": ([Decimal("1.10")], [Decimal("1.11")])},
    "time": {"times a microsecond apart": ([_EARLY], [_LATER])},
    "list": {"NULL in a list": ([[1, None]], [[None, 1]]), "an empty list and NULL": ([[]], [None])},
    "struct": {"NULL in a struct": ([{"x": None, "y": 1}], [{"x": 1, "y": None}])},
}
EQUAL: Mapping[str, Mapping[str, tuple[Values, Values]]] = {
    "text": {"rows in another order": (["a", None, "b"], [None, "b", "a"])},
    "number": {"NaN and NaN": ([math.nan], [math.nan])},
}


def other_rows_have_other_digests(session: Session) -> str:
    """Compare the digests of pairs of rows; return how many pairs were compared.

    The rows are published from frames. Two sides that the engine returns as equal may have the same digest: it does not
    store their difference.

    Raises:
        BrokenClaimError: rows that differ have the same digest, or equal rows different ones.
        NotClaimedError: the engine has no digest.
        EngineError: a statement fails.
    """
    compared, left_out, wrong = 0, dict[str, EngineError](), list[str]()
    for kind in DIFFERENT:
        try:
            relation = _published(session, kind)
        except EngineError as error:
            left_out[kind] = error
            continue
        digests, stored = _digests(session, relation, kind), _stored(session, relation)
        for place, (pair, is_equal) in enumerate(_pairs(kind)):
            compared += 1
            one, other = digests[place, 0], digests[place, 1]
            if is_equal and one != other:
                wrong.append(f"{pair}: equal rows, different digests")
            elif not is_equal and one == other and stored.get((place, 0)) != stored.get((place, 1)):
                wrong.append(f"{pair}: different rows, the same digest")
    if not compared:
        raise next(iter(left_out.values()))
    if wrong:
        raise BrokenClaimError("; ".join(wrong))
    missing = f"; its frames have no columns of the kind {' or '.join(left_out)}" if left_out else ""
    return f"{compared} pairs of rows{missing}"


def _pairs(kind: str) -> list[tuple[str, bool]]:
    """Return the pairs of a kind, each with whether its sides are equal."""
    different, equal = DIFFERENT[kind], EQUAL.get(kind, {})
    return [*((pair, False) for pair in different), *((pair, True) for pair in equal)]


def _published(session: Session, kind: str) -> Relation:
    """Publish the rows of all pairs of a kind. Raises EngineError, for example if the engine has no such type."""
    with session.turn(), session.frames.query(_frame(kind)) as query:
        return publish(session, f"{NAME}_{kind}", query)


def _frame(kind: str) -> pa.Table:
    import pyarrow as pa

    types: Mapping[str, pa.DataType] = {
        "text": pa.string(),
        "number": pa.float64(),
        "decimal": pa.decimal128(12, 2),
        "time": pa.timestamp("us"),
        "list": pa.list_(pa.int64()),
        "struct": pa.struct([("x", pa.int64()), ("y", pa.int64())]),
    }
    rows = list(_rows(kind))
    places, sides, values = ([row[column] for row in rows] for column in range(3))
    return pa.table(
        {
            "pair": pa.array(places, pa.int64()),
            "side": pa.array(sides, pa.int64()),
            "v": pa.array(values, types[kind]),
        }
    )


def _rows(kind: str) -> Iterator[tuple[int, int, object]]:
    both = {**DIFFERENT[kind], **EQUAL.get(kind, {})}
    for place, sides in enumerate(both.values()):
        for side, values in enumerate(sides):
            yield from ((place, side, value) for value in values)


def _digests(session: Session, relation: Relation, kind: str) -> Mapping[tuple[int, int], str]:
    """Return the digest of each side of each pair. Raises NotClaimedError if they are NULL."""
    source = relation.sql(session.spelling)
    columns = session.columns(f"select v from {source}")
    digest = session.versions.digest("_ff_r", columns)
    sides = [(place, side) for place in range(len(_pairs(kind))) for side in (0, 1)]
    selected = [
        f"select {place} as pair, {side} as side, {digest} as digest "
        f"from (select v from {source} where pair = {place} and side = {side}) as _ff_r"
        for place, side in sides
    ]
    with session.turn():
        found = {(int(place), int(side)): text for place, side, text in session.fetch(" union all ".join(selected))}
    if all(text is None for text in found.values()):
        raise NotClaimedError("the engine has no digest of rows: what reads a table is built whenever that is")
    return found


def _stored(session: Session, relation: Relation) -> Mapping[tuple[int, int], list[str]]:
    """Return the values of each side of each pair as the engine returns them, as texts in a fixed order."""
    with session.turn():
        rows = session.frames.read(session.spelling.select_all(relation)).to_pylist()
    found: dict[tuple[int, int], list[str]] = {}
    for row in rows:
        found.setdefault((row["pair"], row["side"]), []).append(repr(row["v"]))
    return {key: sorted(values) for key, values in found.items()}
