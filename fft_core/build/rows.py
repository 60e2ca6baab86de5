"""The rows of a model as a query: rendered SQL, or the frame that a function returns; explanations of its errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fft_core.build.fault import fault_of, joined_lines, shortened
from fft_core.compile.call import NativeRows
from fft_core.compile.render import Naming
from fft_core.engines.spec.registry import frame_kinds_of
from fft_core.errors import (
    EngineError,
    FftError,
    Location,
    MissingRelationError,
    ModelError,
    StatementError,
)
from fft_core.names import Relation
from fft_core.project.model import Incremental, Model, SourceName, SqlBody
from fft_core.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class ModelRows:
    """The SELECT of a model's rows; for a lazy model, also its texts with symbols for relations, see `LazyQuery`."""

    sql: str
    symbolic: tuple[str, ...] = ()


@contextmanager
def model_rows(warehouse: Warehouse, model: Model, *, is_increment: bool = False) -> Iterator[ModelRows]:
    """Yield the SELECT of a model's rows: its own query, or one over the frame that its function returns.

    While the context lasts, errors of the database name the model, and the missing input if there is one.

    Args:
        warehouse: The session of this thread, with the relations of the inputs.
        model: The model to render or call.
        is_increment: Whether its rows are added to its table, which must exist then.

    Raises:
        RenderError, ModelError: the template or the function fails.
        StatementError, MissingRelationError: the database rejects a statement.
    """
    with explained(warehouse, model), _query(warehouse, model, is_increment) as query:
        yield query


@contextmanager
def _query(warehouse: Warehouse, model: Model, is_increment: bool) -> Iterator[ModelRows]:
    if model.has_query:
        # the query of a snapshot returns all rows each time
        is_incremental = is_increment and isinstance(model.materialization, Incremental)
        yield text_of(warehouse, model, replace(warehouse.naming, is_incremental=is_incremental))
        return
    frame = warehouse.compiler.call_model(model, _Inputs(warehouse, model, is_increment))
    engine = warehouse.engine
    with ExitStack() as stack:
        with _refused(model):
            query = engine.natives.query(frame) if engine.natives.is_frame(frame) else engine.frames.query(frame)
            rows = stack.enter_context(query)
        yield ModelRows(rows)


def text_of(warehouse: Warehouse, model: Model, naming: Naming) -> ModelRows:
    """Return the query of a model that has one. Raises RenderError, ModelError, StatementError."""
    if not model.is_lazy:
        return ModelRows(warehouse.compiler.sql(model, naming))
    from fft_core.build.lazy_query import lazy_query  # few projects have lazy models

    query = lazy_query(warehouse, model, naming)
    return ModelRows(warehouse.compiler.frozen_query(query.sql, naming, model.location), query.symbolic)


def read_relation(warehouse: Warehouse, relation: Relation) -> pa.Table:
    """Read a whole relation as an Arrow table."""
    return warehouse.engine.frames.read(warehouse.engine.spelling.select_all(relation))


@dataclass(frozen=True)
class _Inputs:
    """The inputs of a Python model, read in a session."""

    warehouse: Warehouse
    model: Model
    is_increment: bool

    def read(self, name: str | SourceName, kind: str) -> pa.Table | NativeRows:
        engine, query = self.warehouse.engine, self._query(name)
        natives = {known.name for known in frame_kinds_of(self.warehouse.project.engine) if known.is_native}
        with _refused(self.model, f"its input {str(name)!r}: "):
            if kind not in natives:
                return engine.frames.read(query)
            columns = [column.name for column in engine.columns(query)]
            return NativeRows(columns, engine.natives.frame(query, kind))

    def key_of(self, name: str | SourceName) -> str:
        return self.warehouse.relation(name).name

    def is_native(self, value: object) -> bool:
        return self.warehouse.engine.natives.is_frame(value)

    def _query(self, name: str | SourceName) -> str:
        warehouse = self.warehouse
        upstream = warehouse.project.models.get(name) if isinstance(name, str) else None
        if upstream is not None and upstream.is_ephemeral:
            return warehouse.compiler.sql(upstream, warehouse.naming)
        return warehouse.engine.spelling.select_all(warehouse.relation(name))


@contextmanager
def _refused(model: Model, what: str = "") -> Iterator[None]:
    """Raise ModelError, with the model's name, for rows that a frame or a table cannot hold."""
    try:
        yield
    except EngineError as error:
        if type(error) is not EngineError:  # its subclasses are errors of the database
            raise
        message = f"{model.name}: {what}{error.problem.message}"
        raise ModelError(message, where=model.location, hint=error.problem.hint, code=error.code) from error


@contextmanager
def explained(warehouse: Warehouse, model: Model) -> Iterator[None]:
    """Add the model, its file and a missing input to errors of statements, and mask secrets in them."""
    try:
        with _placed(warehouse, model):
            yield
    except FftError as error:
        warehouse.masker.error(error)
        raise


@contextmanager
def _placed(warehouse: Warehouse, model: Model) -> Iterator[None]:
    try:
        yield
    except StatementError as error:
        if error.problem.where:
            raise
        missing = _missing_input(warehouse, model, error)
        if missing is not None:
            raise MissingRelationError(
                f"model {model.name!r} reads {warehouse.relation(missing)}, which does not exist",
                where=model.input_places.get(missing, model.location),
                hint=how_to_get(warehouse, missing),
            ) from error
        raise _with_place(warehouse, model, error) from None


def _with_place(warehouse: Warehouse, model: Model, error: StatementError) -> StatementError:
    """Return the error with the lines around its place in the rendered SQL; with all SQL if the place is unknown."""
    fault, where = fault_of(error), model.location
    if fault is None:
        shown = f"The SQL as sent:\n{_indented(shortened(error.sql))}"
    else:
        shown = f"In the rendered SQL, line {fault.line}:\n{_indented(fault.excerpt)}"
        written = fault.line_in(model.body.template) if isinstance(model.body, SqlBody) else None
        where = Location(model.path, written or model.line)
    said = f"model {model.name!r}: {error.problem.message}\n    {shown}"
    hint = error.problem.hint
    if hint is None and "syntax error" in error.problem.message and isinstance(model.body, SqlBody):
        hint = joined_lines(model.body.template)
    return StatementError(said, sql=error.sql, where=where, hint=hint, position=error.position, code=error.code)


def _missing_input(warehouse: Warehouse, model: Model, error: StatementError) -> str | SourceName | None:
    if error.missing is None:
        return None
    relations = {name: warehouse.relation(name) for name in warehouse.project.stored_inputs(model)}
    present = warehouse.engine.inspect(list(relations.values()))
    return next((name for name, relation in relations.items() if relation not in present), None)


def how_to_get(warehouse: Warehouse, node: str | SourceName) -> str:
    """Return the advice for a missing relation of a model, seed or source."""
    if isinstance(node, SourceName):
        source = warehouse.project.sources[node]
        seed = warehouse.project.seeds.get(source.identifier)
        return (
            f"Build the seed {seed.name!r} first."
            if seed
            else f"The source {node} ({source.location}) must be loaded first."
        )
    what = "seed" if node in warehouse.project.seeds else "model"
    return f"Build the {what} {node!r} first."


def _indented(text: str) -> str:
    return "\n".join(f"      {line}" for line in text.splitlines())
