"""Grants, indexes and constraints on Postgres. Only declared ones are removed: those that others added stay."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from fft_core.engines.postgres.spelling import SPELLING
from fft_core.engines.protocol import RelationKind, Row
from fft_core.engines.spec.attachments import Attachment
from fft_core.names import Relation

_OF_KIND: Mapping[RelationKind, tuple[str, ...]] = {
    "table": ("grant", "index", "constraint"),
    "materialized_view": ("grant", "index"),
    "view": ("grant",),
}


class PostgresAttachments:
    """The statements that add and remove attachments of relations.

    Args:
        fetch: Runs a query.
    """

    def __init__(self, fetch: Callable[[str], list[Row]]) -> None:
        self._fetch = fetch

    def removed(self, relation: Relation, kind: RelationKind, gone: Sequence[Attachment]) -> Sequence[str]:
        table = relation.sql(SPELLING)
        there = self._constraints(relation, [one.name for one in gone if one.kind == "constraint"])
        statements = []
        for one in (one for one in gone if one.kind in _OF_KIND[kind]):
            match one.kind:
                case "grant":
                    statements.append(f"revoke {one.name} on {table} from {_roles(one.columns)}")
                case "index":
                    statements.append(f"drop index if exists {relation.named(one.name).sql(SPELLING)}")
                case "constraint" if one.type == "not_null":
                    statements += _nullable(table, one.columns)
                case "constraint" if one.name in there:
                    statements.append(f"alter table {table} drop constraint {SPELLING.quoted(one.name)}")
                    if one.type == "primary_key":  # the key made them NOT NULL; declared ones are set again
                        statements += [
                            f"alter table {table} alter column {c} drop not null" for c in _names(one.columns)
                        ]
        return statements

    def added(
        self,
        relation: Relation,
        kind: RelationKind,
        wanted: Sequence[Attachment],
        place: Callable[[str], Relation],
    ) -> Sequence[str]:
        there = self._constraints(relation, [one.name for one in wanted if one.kind == "constraint"])
        not_null = self._not_null(relation) if any(one.type == "not_null" for one in wanted) else set()
        statements = []
        for one in (one for one in wanted if one.kind in _OF_KIND[kind]):
            is_there = one.name in there or (one.type == "not_null" and not_null.issuperset(one.columns))
            statements += [] if is_there and one.kind == "constraint" else _made(relation, one, place)
        # a table cannot be altered while rows wait for the check of a foreign key
        return ["set constraints all immediate", *statements] if statements else []

    def _not_null(self, relation: Relation) -> set[str]:
        """Return the columns of a table that cannot be NULL."""
        rows = self._fetch(
            f"select attname from pg_attribute where attrelid = {SPELLING.literal(relation.sql(SPELLING))}::regclass "
            "and attnotnull"
        )
        return {name for (name,) in rows}

    def _constraints(self, relation: Relation, names: Sequence[str]) -> set[str]:
        """Return the constraints that a table has, of these names."""
        if not names:
            return set()
        literal = SPELLING.literal
        rows = self._fetch(
            "select conname from pg_constraint as k join pg_class as c on c.oid = k.conrelid "
            "join pg_namespace as n on n.oid = c.relnamespace "
            f"where n.nspname = {literal(relation.schema)} and c.relname = {literal(relation.name)} "
            f"and conname in ({SPELLING.literals(names)})"
        )
        return {name for (name,) in rows}


def _made(relation: Relation, one: Attachment, place: Callable[[str], Relation]) -> list[str]:
    table, columns = relation.sql(SPELLING), ", ".join(_names(one.columns))
    name = SPELLING.quoted(one.name)
    match one.kind:
        case "grant":
            return [f"grant {one.name} on {table} to {_roles(one.columns)}"]
        case "index":
            unique, method = "unique " if one.unique else "", f" using {one.type}" if one.type else ""
            return [f"create {unique}index if not exists {name} on {table}{method} ({columns})"]
    match one.type:
        case "not_null":
            return [f"alter table {table} alter column {column} set not null" for column in _names(one.columns)]
        case "check":
            rule = f"check ({one.expression})"
        case "foreign_key":
            to = ", ".join(_names(one.to_columns or one.columns))
            # checked at the end of the transaction, because the transaction replaces the rows of either table
            rule = f"foreign key ({columns}) references {place(one.to).sql(SPELLING)} ({to})"
            rule = f"{rule} deferrable initially deferred"
        case kind:
            rule = f"{kind.replace('_', ' ')} ({columns})"
    return [f"alter table {table} add constraint {name} {rule}"]


def _nullable(table: str, columns: Sequence[str]) -> list[str]:
    return [f"alter table {table} alter column {column} drop not null" for column in _names(columns)]


def _names(columns: Sequence[str]) -> list[str]:
    return [SPELLING.quoted(column) for column in columns]


def _roles(roles: Sequence[str]) -> str:
    return ", ".join(role if role == "public" else SPELLING.quoted(role) for role in roles)
