"""The `_ff_meta` table: the records of the builds of relations, kept beside them in the warehouse."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fft_core.engines.protocol import ColumnType, Row, Session, Types
from fft_core.engines.spec.attachments import attachments_from_json
from fft_core.engines.spec.spelling import CHANGED, TypeWord
from fft_core.errors import StateError, StatementError
from fft_core.names import Relation
from fft_core.plan.records import BuildRecord, Fingerprint

TABLE = "_ff_meta"
MIGRATIONS_TABLE = "_ff_migrations"

# Each migration is applied once, in order, and adds columns. The first creates the table, as documented for FFT.
_MIGRATIONS: tuple[Mapping[str, TypeWord], ...] = (
    {"node_name": "text", "relation": "text", "fingerprint": "text", "engine": "text", "built_at": "timestamp"},
    {
        "data_version": "text",
        "stamp": "text",
        "row_count": "integer",
        "checks": "text",
        "run_id": "text",
        "parts": "text",
    },
    {"project": "text", "environment": "text", "relation_path": "text"},
    {"attached": "text"},
    {"measures": "text"},
)
_NUMBERS: Mapping[str, TypeWord] = {"number": "small integer", "applied_at": "timestamp"}
_COLUMNS = "node_name, relation, data_version, stamp, row_count, checks, built_at, run_id, engine, parts"
# Columns that a plan does not need are read as well: a lost column is an error before anything is built.
_PLACE = "fingerprint, project, environment, relation_path"
_MORE_COLUMNS = ("", "", "fingerprint", _PLACE, f"{_PLACE}, attached", f"{_PLACE}, attached, measures")
_BUILT_AT = _COLUMNS.split(", ").index("built_at")
_HINT = "`fft cache clear --all` removes all build records: then every model is built once more."


def read_records(engine: Session, place: Callable[[str], str] | None = None) -> Mapping[str, BuildRecord]:
    """Read the record of each node; empty if nothing was ever built, or only by the original FFT.

    Args:
        engine: The session.
        place: Returns the current place of a node, as text. If a node has several records, that of this place is
            returned; or the newest, if none is of this place or without this callback.

    Raises:
        StateError: the records cannot be read, or were written by a newer version. No plan can be made then.
    """
    return records_of(read_rows(engine), str(engine.relation(TABLE)), place)


def read_rows(engine: Session) -> list[Row]:
    """Read the rows of all records, the oldest first; the times of builds are in UTC, or a text says what is wrong.

    Raises:
        StateError: the table cannot be read, or was written by a newer version.
    """
    meta, migrations = engine.relation(TABLE), engine.relation(MIGRATIONS_TABLE)
    try:
        present = engine.inspect([meta, migrations])
        if meta not in present or migrations not in present:
            return []
        more = _MORE_COLUMNS[_refuse_newer(engine)]
        if not more:
            return []
        rows = engine.fetch(f"select {_COLUMNS}, {more} from {_newest(engine, meta)} order by built_at, run_id")
    except StatementError as error:
        raise _unreadable(meta, error) from error
    return [(*row[:_BUILT_AT], _utc_or_fault(row[_BUILT_AT], engine.types), *row[_BUILT_AT + 1 :]) for row in rows]


def records_of(rows: Iterable[Row], table: str, place: Callable[[str], str] | None = None) -> Mapping[str, BuildRecord]:
    """Return the record of each node from the rows of all records; see `read_records`. Raises StateError."""
    return {row[0]: _record(row, table) for row in _one_each(rows, place).values()}


def _newest(engine: Session, meta: Relation) -> str:
    """Render the table, or subquery, after FROM with the newest record of each node at each place.

    Without transactions, records are only added: the rows that they replace stay until `forget_replaced`.
    """
    if engine.capabilities.transactions:
        return meta.sql(engine.spelling)
    order = "order by built_at desc, run_id desc"
    ranked = f"select *, row_number() over (partition by node_name, relation {order}) as _ff_rank"
    return f"(select * from ({ranked} from {meta.sql(engine.spelling)}) as _ff_r where _ff_rank = 1) as _ff_newest"


def recorded_stamps(engine: Session, nodes: Sequence[str], place: Callable[[str], str]) -> Mapping[str, str]:
    """Return the stamps of those nodes that are recorded at their current places; the table must exist."""
    table = engine.relation(TABLE).sql(engine.spelling)
    named = f"node_name in ({engine.spelling.literals(nodes)})"
    rows = engine.fetch(f"select node_name, relation, stamp from {table} where {named} order by built_at, run_id")
    return {node: stamp or "" for node, relation, stamp in rows if relation == place(node)}


def _one_each(rows: Iterable[Row], place: Callable[[str], str] | None) -> dict[Any, Row]:
    """Choose one row for each node. Rows begin with the node and its place; the oldest row is first."""
    found: dict[Any, Row] = {}
    for row in rows:
        last = found.get(row[0])
        if last is None or place is None or row[1] == last[1] or last[1] != place(row[0]):
            found[row[0]] = row
    return found


def built_times(engine: Session) -> Mapping[str, datetime]:
    """Return the time of the last build of each recorded node, in UTC, even if the other columns cannot be read.

    Raises:
        StateError: the table cannot be read, or was written by a newer version.
    """
    meta, migrations = engine.relation(TABLE), engine.relation(MIGRATIONS_TABLE)
    try:
        if len(engine.inspect([meta, migrations])) < 2:
            return {}
        _refuse_newer(engine)
        rows = engine.fetch(f"select node_name, max(built_at) from {meta.sql(engine.spelling)} group by node_name")
        return {node: _in_utc(built_at, engine.types) for node, built_at in rows}
    except StatementError as error:
        raise _unreadable(meta, error) from error
    except ValueError as error:
        raise StateError(f"the build records in {meta} cannot be read: {error}", hint=_HINT) from error


def drop_records(engine: Session) -> None:
    """Drop the tables of the records, even if they are damaged: every node then counts as never built.

    Raises:
        StateError: they were written by a newer version.
    """
    tables = [engine.relation(name) for name in (TABLE, MIGRATIONS_TABLE)]
    with engine.transaction():
        kinds = engine.inspect(tables)
        is_readable = tables[1] in kinds and "number" in _column_names(engine, tables[1])
        if is_readable and isinstance(_last_migration(engine), int):
            _refuse_newer(engine)
        for relation, there in kinds.items():
            engine.execute(engine.spelling.drop(relation, there.kind))


def _column_names(engine: Session, relation: Relation) -> set[str]:
    return {column.name.lower() for column in engine.columns(engine.spelling.select_all(relation))}


def _unreadable(meta: Relation, error: StatementError) -> StateError:
    said = error.problem.message.partition("\n")[0]
    return StateError(f"the build records in {meta} cannot be read: {said}", hint=_HINT)


@dataclass(frozen=True)
class RecordedRelation:
    """A recorded build of a node: its relation, the stamp that it left on the relation, and its time."""

    node: str
    relation: Relation
    stamp: str
    built_at: datetime
    keeps_history: bool


def recorded_relations(
    rows: Sequence[Row], project: str, environment: str, table: Relation
) -> tuple[RecordedRelation, ...]:
    """Return all relations that a project recorded in an environment, the newest first.

    Records of other projects, and records of older versions, which have no project, are left out.

    Args:
        rows: The rows of all records, see `read_rows`.
        project: The name of the project.
        environment: The environment, see `Warehouse.environment`.
        table: The table of the records, for messages.

    Raises:
        StateError: a record cannot be read.
    """
    try:
        return tuple(found for row in reversed(rows) if (found := _recorded(row, project, environment)) is not None)
    except (ValueError, TypeError) as error:
        raise StateError(f"the build records in {table} cannot be read: {error}", hint=_HINT) from error


def _recorded(row: Row, project: str, environment: str) -> RecordedRelation | None:
    node, _, _, stamp, _, _, built_at, _, _, parts, _, *owner = row
    if owner[:2] != [project, environment] or not owner[2]:
        return None
    if not isinstance(built_at, datetime):
        raise ValueError(f"built_at is {built_at}")
    catalog, schema, name = json.loads(owner[2])
    fingerprint = Fingerprint.from_json(parts) if parts else None
    is_history = fingerprint is not None and fingerprint.config.get("materialized") == "snapshot"
    return RecordedRelation(node, Relation(name, schema, catalog), stamp or "", built_at, is_history)


def delete_recorded(engine: Session, recorded: RecordedRelation) -> None:
    """Delete the record of one build of a relation."""
    spelling = engine.spelling
    if engine.capabilities.transactions:
        same = f"stamp = {spelling.literal(recorded.stamp)}"
    else:  # and the records that it has replaced, of which one would be the newest then
        path = json.dumps((recorded.relation.catalog, recorded.relation.schema, recorded.relation.name))
        same = f"relation_path = {spelling.literal(path)} and built_at <= {spelling.literal(recorded.built_at)}"
    named = f"node_name = {spelling.literal(recorded.node)}"
    engine.execute(spelling.delete(engine.relation(TABLE), f"{named} and {same}"))


def forget_replaced(engine: Session) -> None:
    """Delete the records that newer ones of the same node and place replace, on engines that only add records."""
    if not engine.capabilities.transactions:
        spelling, meta = engine.spelling, engine.relation(TABLE)
        newest = f"{_newest(engine, meta)}"
        is_older = f"_ff_newest.node_name = {CHANGED}.node_name and _ff_newest.relation = {CHANGED}.relation"
        engine.execute(spelling.delete_known(meta, newest, f"{is_older} and _ff_newest.built_at > {CHANGED}.built_at"))


def delete_record(engine: Session, node: str, relation: str) -> None:
    """Delete the record of a node at one place."""
    engine.execute(engine.spelling.delete(engine.relation(TABLE), _is_record(engine, node, relation)))


def delete_records(engine: Session, nodes: Collection[str]) -> None:
    """Delete the records of these nodes, also those of their former places."""
    if nodes:
        named = f"node_name in ({engine.spelling.literals(sorted(nodes))})"
        engine.execute(engine.spelling.delete(engine.relation(TABLE), named))


def migrate(engine: Session) -> None:
    """Create the tables of the records, or bring them up to date. Raises StateError if they are newer."""
    meta, migrations = engine.relation(TABLE), engine.relation(MIGRATIONS_TABLE)
    engine.create_schema(migrations)
    with engine.transaction():
        engine.hold(migrations)
        engine.execute(engine.spelling.create_table(migrations, _NUMBERS))
        applied = _refuse_newer(engine)
        if meta not in engine.inspect([meta]):  # dropped, or not restored
            engine.execute(engine.spelling.delete(migrations, None))
            applied = 0
        for number in range(applied + 1, len(_MIGRATIONS) + 1):
            for statement in _statements_of(engine, meta, number):
                engine.execute(statement)
            engine.execute(engine.spelling.insert_row(migrations, {"number": number, "applied_at": _now()}))
        forget_replaced(engine)


def _statements_of(engine: Session, meta: Relation, number: int) -> Sequence[str]:
    columns, spelling = _MIGRATIONS[number - 1], engine.spelling
    if number == 1:
        return [spelling.create_table(meta, columns)]
    there = _column_names(engine, meta)
    missing = [ColumnType(name, spelling.types[kind]) for name, kind in columns.items() if name not in there]
    return [spelling.add_column(meta, column) for column in missing]


def is_migrated(engine: Session) -> bool:
    """Return whether the tables of the records exist and are up to date."""
    tables = [engine.relation(TABLE), engine.relation(MIGRATIONS_TABLE)]
    return len(engine.inspect(tables)) == len(tables) and _refuse_newer(engine) == len(_MIGRATIONS)


def record_statements(engine: Session, record: BuildRecord, *, replaces: bool = True) -> tuple[str, ...]:
    """Render the statements that write the record of a node: it is added before an older one is deleted.

    If both exist, the newest counts. Without `replaces` no older record is searched. On an engine without transactions
    none is deleted, because statements that only add rows do not wait for others; and the time of the record is the
    server's, because the clocks of machines differ.
    """
    spelling, table = engine.spelling, engine.relation(TABLE)
    values = {
        "node_name": record.node,
        "relation": record.relation,
        "fingerprint": record.fingerprint.digest if record.fingerprint else None,
        "engine": record.engine,
        "built_at": record.built_at,
        "data_version": record.data_version,
        "stamp": record.stamp,
        "row_count": record.rows,
        "checks": record.checks,
        "run_id": record.run_id,
        "parts": record.fingerprint.to_json() if record.fingerprint else None,
        "project": record.project,
        "environment": record.environment,
        "relation_path": json.dumps(record.relation_path),
        "attached": record.attached,
        "measures": _measures_text(record.measures),
    }
    if not engine.capabilities.transactions:
        spelled = {name: spelling.literal(value) for name, value in values.items()} | {"built_at": spelling.now()}
        return (spelling.insert(table, list(spelled), f"select {', '.join(spelled.values())}"),)
    added = spelling.insert_row(table, values)
    if not replaces:
        return (added,)
    # the record of a former place is kept, because its table exists until it is removed
    same = f"(relation = {spelling.literal(record.relation)} or relation_path is null)"
    older = f"(stamp <> {spelling.literal(record.stamp)} or stamp is null)"
    return added, spelling.delete(table, f"node_name = {spelling.literal(record.node)} and {same} and {older}")


def write_checks(engine: Session, node: str, relation: str, checks: str | None) -> None:
    """Record that the checks of a node passed on its published rows."""
    values = {"checks": engine.spelling.literal(checks)}
    engine.execute(engine.spelling.update(engine.relation(TABLE), values, _is_record(engine, node, relation)))


def write_attached(engine: Session, node: str, relation: str, attached: str) -> None:
    """Record the grants, indexes and constraints that a published relation now has."""
    values = {"attached": engine.spelling.literal(attached)}
    engine.execute(engine.spelling.update(engine.relation(TABLE), values, _is_record(engine, node, relation)))


def _measures_text(measures: Mapping[str, Sequence[float | None]]) -> str | None:
    return json.dumps(measures) if measures else None


def measures_statement(
    engine: Session, node: str, relation: str, measures: Mapping[str, Sequence[float | None]]
) -> str:
    """Render the statement that records the measurements of a node that is not built."""
    values = {"measures": engine.spelling.literal(_measures_text(measures))}
    return engine.spelling.update(engine.relation(TABLE), values, _is_record(engine, node, relation))


def _is_record(engine: Session, node: str, relation: str) -> str:
    """Render the condition for the record of a node at one place, in the form of the column `relation`."""
    literal = engine.spelling.literal
    return f"node_name = {literal(node)} and relation = {literal(relation)}"


def recorded_measures(engine: Session, node: str, relation: str) -> Mapping[str, tuple[float | None, ...]]:
    """Return the measurements of a node's checks in its last build, and in the one before; empty without a record.

    Raises:
        StateError: the records cannot be read, or were written by a newer version.
    """
    record = read_records(engine, lambda _: relation).get(node)
    return record.measures if record else {}


def _refuse_newer(engine: Session) -> int:
    """Return the number of the last migration. Raises StateError if it is of a newer version, or is damaged."""
    number = _last_migration(engine)
    if not isinstance(number, int):
        table = engine.relation(MIGRATIONS_TABLE)
        raise StateError(f"the build records cannot be read: {table} holds the number {number!r}", hint=_HINT)
    if number > len(_MIGRATIONS):
        raise StateError(
            f"the build records were written by a newer version of FFT (format {number}, this one knows "
            f"{len(_MIGRATIONS)})",
            hint="Upgrade fft-dagster.",
            code="FFT-701",
        )
    return number


def _last_migration(engine: Session) -> object:
    table = engine.relation(MIGRATIONS_TABLE).sql(engine.spelling)
    ((number,),) = engine.fetch(f"select max(number) from {table}")
    return 0 if number is None else number


def _record(row: Row, table: str) -> BuildRecord:
    node, relation, data_version, stamp, rows, checks, built_at, run_id, engine, parts, _, *owner = row
    try:
        if not isinstance(node, str):
            raise ValueError(f"node_name is {node!r}")
        if rows is not None and not isinstance(rows, int):
            raise ValueError(f"row_count is {rows!r}, which is not a number")
        fingerprint = Fingerprint.from_json(parts) if parts else None
        if not isinstance(built_at, datetime):
            raise ValueError(f"built_at is {built_at}")
        project, environment, path, attached, measured = (*owner, *[None] * 5)[:5]
        catalog, schema, name = (json.loads(path) if path else None) or (None, None, None)
        attachments_from_json(attached)  # raises ValueError for damaged text
        measures = _measures(measured)
    except (TypeError, ValueError) as error:
        raise StateError(
            f"the build record of {node!r} in {table} cannot be read: {error}",
            hint=f"Delete its row from {table}: then the model is built once more. {_HINT}",
        ) from error
    return BuildRecord(
        node,
        relation,
        fingerprint,
        data_version or "",
        stamp or "",
        rows,
        checks,
        built_at,
        run_id,
        engine,
        project,
        environment,
        (catalog, schema, name) if name else None,
        attached or "",
        measures=measures,
    )


def _measures(text: str | None) -> Mapping[str, tuple[float | None, ...]]:
    """Read the measurements of a record. Raises ValueError."""
    found = json.loads(text) if text else {}
    if not isinstance(found, dict) or not all(isinstance(values, list) and values for values in found.values()):
        raise ValueError(f"measures is {text!r}")
    return {str(key): tuple(values) for key, values in found.items()}


def _in_utc(built_at: object, types: Types) -> datetime:
    """Read a time of the column `built_at`, which has no zone and holds UTC. Raises ValueError."""
    try:
        return types.read_time(built_at).replace(tzinfo=UTC)
    except ValueError as error:
        raise ValueError(f"built_at is {error}") from error


def _utc_or_fault(built_at: object, types: Types) -> datetime | str:
    try:
        return types.read_time(built_at).replace(tzinfo=UTC)
    except ValueError as error:
        return str(error)


def _now() -> datetime:
    return datetime.now(UTC)
