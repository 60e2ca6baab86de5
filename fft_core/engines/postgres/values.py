"""Comparisons of Postgres' values: some types have no equality, and some equalities ignore visible differences."""

from __future__ import annotations

import re

from fft_core.engines.postgres.spelling import SPELLING

# Equal values of these types look alike.
_EXACT = re.compile(
    r"smallint|integer|bigint|boolean|oid|date|uuid|bytea|bit(\(\d+\))?|bit varying(\(\d+\))?|numeric\(\d+,-?\d+\)"
    r"|(timestamp|time)(\(\d\))? without time zone|timestamp(\(\d\))? with time zone"
)
_TEXT = re.compile(r"text|character varying(\(\d+\))?")
# The equality of these types is known, and is what people mean: 1.0 is 1.00, a day is 24 hours.
_EQUAL = re.compile(
    r"numeric(\(.*\))?|real|double precision|interval.*|character\(\d+\)|bpchar|time(\(\d\))? with time zone"
    r"|money|inet|cidr|macaddr|macaddr8|jsonb|name|citext"
)


def has_equality(kind: str) -> bool:
    """Whether `=` is known to work on a type; `equality_query` checks other types."""
    return any(known.fullmatch(kind) for known in (_EXACT, _TEXT, _EQUAL))


def visible(value: str, kind: str) -> str:
    """Render a value so that `is distinct from` finds all visible differences.

    >>> visible("v", "integer"), visible("v", "text"), visible("v", "numeric")
    ('v', 'v collate "C"', 'row(v)::text collate "C"')
    """
    if _EXACT.fullmatch(kind):
        return value
    # else the text of the value in a row, which the digest uses as well: a cast may return another text
    return f'{value} collate "C"' if _TEXT.fullmatch(kind) else f'row({value})::text collate "C"'


def equality_query(kind: str) -> str:
    """Render the query that checks whether `=` works on a type, and on all types that it contains.

    The equality of a box, a circle or a path compares areas or lengths: no index uses it, and it does not count.
    """
    return f"""
        with recursive parts as (
            select to_regtype({SPELLING.literal(kind)})::oid as oid
            union
            select part.oid from parts join pg_type as t on t.oid = parts.oid, lateral (
                select t.typbasetype as oid where t.typtype = 'd'
                union all select t.typelem where t.typcategory = 'A' and t.typelem <> 0
                union all select atttypid from pg_attribute
                where t.typtype = 'c' and attrelid = t.typrelid and attnum > 0 and not attisdropped
            ) as part
        )
        select not exists (
            select from parts left join pg_type as t on t.oid = parts.oid
            where t.oid is null or (t.typtype in ('b', 'p') and t.typcategory <> 'A' and not exists (
                select from pg_opclass as o join pg_am as a on a.oid = o.opcmethod
                where o.opcdefault and a.amname = 'btree' and (o.opcintype = t.oid or exists (
                    select from pg_cast where castsource = t.oid and casttarget = o.opcintype and castmethod = 'b'
                ))
            ))
        )"""
