"""Stage, check, publish, record: the only place that changes a warehouse."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fft_core.checks.run import CheckFailedError, CheckResult, run_checks
from fft_core.engines import sql
from fft_core.engines.engine import ColumnType, RelationKind
from fft_core.errors import FftError, Location, MissingRelationError, StatementError
from fft_core.names import Relation
from fft_core.project.model import Check, Model, Seed, SourceName, View
from fft_core.project.render import select_of
from fft_core.warehouse import Warehouse

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class BuildResult:
    """What a build published."""

    relation: Relation
    kind: RelationKind
    row_count: int
    columns: tuple[ColumnType, ...]
    checks: tuple[CheckResult, ...]
    seconds: float
    sql: str | None = None


def build_model(warehouse: Warehouse, model: Model) -> BuildResult:
    """Build one model: its rows are staged, checked, and published together, or not at all.

    Raises:
        CheckFailedError: a check of severity error failed; the published rows stay as they were.
        MissingRelationError: an input is not in the database.
        RenderError, ModelError, StatementError: the model fails, with its file and the SQL as sent.
    """
    if model.is_ephemeral:
        raise FftError(f"model {model.name!r} is ephemeral: it has no rows of its own", where=model.location)
    kind: RelationKind = "view" if isinstance(model.materialization, View) else "table"
    started = time.perf_counter()
    with _explained(warehouse, model), _model_rows(warehouse, model) as query:
        return _publish(warehouse, model.name, kind, query, started)


def build_seed(warehouse: Warehouse, seed: Seed) -> BuildResult:
    """Load a seed's file as a table, with `_ff_loaded_at`, `_ff_seed_id` and `_ff_seed_file` (relative path) added.

    Raises:
        CheckFailedError: a check of severity error failed.
        FftError: the file is missing or cannot be read.
    """
    started = time.perf_counter()
    path = warehouse.project.root / seed.path
    where = Location(seed.path)
    if not path.is_file():
        raise FftError(f"the file of seed {seed.name!r} is not there", where=where, hint="Was it moved after loading?")
    try:
        with _seed_rows(warehouse, seed) as rows:
            loaded_at = sql.literal(datetime.now(UTC))
            extra = (
                f"cast({loaded_at} as timestamptz) as _ff_loaded_at, "
                f"{sql.literal(seed.seed_id)} as _ff_seed_id, {sql.literal(seed.path.as_posix())} as _ff_seed_file"
            )
            query = f"select *, {extra} from ({rows}) as seed"
            return _publish(warehouse, seed.name, "table", query, started)
    except StatementError as error:
        raise StatementError(f"seed {seed.name!r}: {error.problem.message}", sql=error.sql, where=where) from error


def publish_frame(warehouse: Warehouse, node: SourceName | Relation, frame: pa.Table) -> BuildResult:
    """Store a frame that was made elsewhere, with the checks of its source."""
    started = time.perf_counter()
    with warehouse.engine.frame_query(frame) as query:
        return _publish(warehouse, node, "table", query, started)


def check_node(warehouse: Warehouse, node: str | SourceName, checks: tuple[Check, ...]) -> tuple[CheckResult, ...]:
    """Run checks on the published rows, without building.

    Raises:
        MissingRelationError: nothing is published yet.
    """
    relation = warehouse.relation(node)
    engine = warehouse.engine
    if relation not in engine.kinds([relation]):
        raise MissingRelationError(f"{relation} is not there: nothing to check", hint=_advice(warehouse, node))
    columns = [column.name for column in engine.columns(sql.select_all(relation, engine.dialect))]
    results, _ = run_checks(engine, relation, columns, checks, warehouse.relation)
    return results


def read_relation(warehouse: Warehouse, relation: Relation) -> pa.Table:
    """Read a whole relation as an Arrow table."""
    return warehouse.engine.read_frame(sql.select_all(relation, warehouse.engine.dialect))


def _publish(
    warehouse: Warehouse, node: str | SourceName | Relation, kind: RelationKind, query: str, started: float
) -> BuildResult:
    engine, relation = warehouse.engine, node if isinstance(node, Relation) else warehouse.relation(node)
    checks = () if isinstance(node, Relation) else warehouse.project.checks_of(node)
    existing = engine.kinds([relation]).get(relation)
    with engine.transaction():
        engine.execute(sql.create_schema(relation, engine.dialect))
        if existing and existing != kind:
            engine.execute(sql.drop(relation, existing, engine.dialect))
        engine.execute(sql.create_as(relation, kind, query, engine.dialect))
        columns = engine.columns(sql.select_all(relation, engine.dialect))
        results, row_count = run_checks(engine, relation, [c.name for c in columns], checks, warehouse.relation)
        if any(result.blocks for result in results):
            raise CheckFailedError(str(node), results)
    return BuildResult(relation, kind, row_count, columns, results, time.perf_counter() - started, query)


@contextmanager
def _model_rows(warehouse: Warehouse, model: Model) -> Iterator[str]:
    """Give the SELECT of a model's rows: its own, or one over the frame that its function made."""
    if model.kind == "sql":
        yield warehouse.compiler.sql(model, warehouse.naming)
        return
    frame = warehouse.compiler.frame(model, lambda name: _read(warehouse, model, name), _key_of(warehouse))
    with warehouse.engine.frame_query(frame) as query:
        yield query


@contextmanager
def _seed_rows(warehouse: Warehouse, seed: Seed) -> Iterator[str]:
    path = warehouse.project.root / seed.path
    if seed.path.suffix == ".sql":
        yield select_of(path.read_text(encoding="utf-8"), warehouse.engine.dialect, Location(seed.path))
    else:
        with _file_query(warehouse, seed) as rows:
            yield rows


def _file_query(warehouse: Warehouse, seed: Seed) -> AbstractContextManager[str]:
    return warehouse.engine.file_query(warehouse.project.root / seed.path, seed.column_types)


def _read(warehouse: Warehouse, model: Model, name: str | SourceName) -> pa.Table:
    upstream = warehouse.project.models.get(name) if isinstance(name, str) else None
    if upstream is not None and upstream.is_ephemeral:
        return warehouse.engine.read_frame(warehouse.compiler.sql(upstream, warehouse.naming))
    return read_relation(warehouse, warehouse.relation(name))


def _key_of(warehouse: Warehouse) -> Callable[[str | SourceName], str]:
    return lambda name: warehouse.relation(name).name


@contextmanager
def _explained(warehouse: Warehouse, model: Model) -> Iterator[None]:
    """Say which model and file a statement came from, and which input is missing if one is."""
    try:
        yield
    except StatementError as error:
        if error.problem.where:
            raise
        missing = _missing_input(warehouse, model, error)
        if missing is not None:
            raise MissingRelationError(
                f"model {model.name!r} reads {warehouse.relation(missing)}, which is not there",
                where=Location(model.path, model.input_lines.get(missing, model.line)),
                hint=_advice(warehouse, missing),
            ) from error
        raise StatementError(
            f"model {model.name!r}: {error.problem.message}\n    The SQL as sent:\n{_indented(error.sql)}",
            sql=error.sql,
            where=model.location,
        ) from error


def _missing_input(warehouse: Warehouse, model: Model, error: StatementError) -> str | SourceName | None:
    if error.missing is None:
        return None
    relations = {name: warehouse.relation(name) for name in _stored_inputs(warehouse, model)}
    present = warehouse.engine.kinds(list(relations.values()))
    return next((name for name, relation in relations.items() if relation not in present), None)


def _stored_inputs(warehouse: Warehouse, model: Model) -> Iterator[str | SourceName]:
    """The inputs of a model, those of the ephemeral ones that it inlines instead of these."""
    for name in model.inputs:
        upstream = warehouse.project.models.get(name) if isinstance(name, str) else None
        if upstream is not None and upstream.is_ephemeral:
            yield from _stored_inputs(warehouse, upstream)
        else:
            yield name


def _advice(warehouse: Warehouse, node: str | SourceName) -> str:
    if isinstance(node, SourceName):
        source = warehouse.project.sources[node]
        seed = warehouse.project.seeds.get(source.identifier)
        return (
            f"Build the seed {seed.name!r} first."
            if seed
            else f"The source {node} ({source.location}) must be filled first."
        )
    what = "seed" if node in warehouse.project.seeds else "model"
    return f"Build the {what} {node!r} first."


def _indented(text: str) -> str:
    return "\n".join(f"      {line}" for line in text.splitlines())
