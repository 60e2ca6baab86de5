"""The query of a lazy Python model: its function is called with the columns of the inputs, and reads no rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fft_core.compile.render import Naming
from fft_core.frames.ibis import IbisQuery
from fft_core.names import SYMBOL, Relation
from fft_core.project.model import Incremental, Model, PythonBody, SourceName
from fft_core.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class LazyQuery:
    """The query of a lazy model.

    Attributes:
        sql: The query, for the engine.
        symbolic: The same query with symbols instead of relations. An incremental model whose query for an increment
            can differ has two texts: that of a full build and that of an increment.
    """

    sql: str
    symbolic: tuple[str, ...]


def lazy_query(warehouse: Warehouse, model: Model, naming: Naming) -> LazyQuery:
    """Return the query of a lazy Python model. Its inputs must exist, because their columns are read.

    Args:
        warehouse: The session of this thread.
        model: The model.
        naming: The relations of nodes, and whether the rows are added to the model's table.

    Raises:
        ModelError: the function fails, or does not return a query.
        StatementError: an input is not in the database.
    """
    inputs = _Inputs(warehouse, model, naming)
    whole = inputs.compiled()
    if not (isinstance(model.materialization, Incremental) and _tells_increments_apart(model)):
        return LazyQuery(inputs.spelled(whole), (whole.symbolic,))
    own = inputs.columns(model.name) if naming.is_incremental else inputs.columns_of(inputs.spelled(whole))
    added = inputs.compiled(own)
    spelled = inputs.spelled(added if naming.is_incremental else whole)
    return LazyQuery(spelled, (whole.symbolic, added.symbolic))


def _tells_increments_apart(model: Model) -> bool:
    return isinstance(model.body, PythonBody) and bool(model.body.asks_for)


class _Inputs:
    """The inputs of a model: their relations, and their columns, which are read from the database once."""

    def __init__(self, warehouse: Warehouse, model: Model, naming: Naming) -> None:
        self._warehouse, self._model, self._naming = warehouse, model, naming
        self._places = {name: self._place(name) for name in (*model.inputs, model.name)}
        self._columns: dict[str | SourceName, Mapping[str, str]] = {}

    def compiled(self, own: Mapping[str, str] | None = None) -> IbisQuery:
        """Call the function; return its query, that of an increment if the columns of the model's table are given."""
        if own is not None:
            self._columns[self._model.name] = own
        return self._warehouse.compiler.lazy_query(
            self._model,
            self.columns,
            self._warehouse.engine.dialect,
            lambda name: self._warehouse.relation(name).name,
            is_incremental=own is not None,
        )

    def spelled(self, query: IbisQuery) -> str:
        """Render a query with the relations of its inputs; the queries of ephemeral inputs come first."""
        used = {f"{SYMBOL}{name}": place for name, place in self._places.items()}
        places = {s: place for s, place in used.items() if isinstance(place, Relation) or s in query.reads}
        return query.sql(places, self._warehouse.engine.spelling)

    def columns(self, name: str | SourceName) -> Mapping[str, str]:
        """Return the columns of an input, or of the model's own table, with their types."""
        if name not in self._columns:
            place, spelling = self._places[name], self._warehouse.engine.spelling
            self._columns[name] = self.columns_of(place if isinstance(place, str) else spelling.select_all(place))
        return self._columns[name]

    def columns_of(self, query: str) -> Mapping[str, str]:
        """Return the columns of a query with their types."""
        return {column.name: column.type for column in self._warehouse.engine.columns(query)}

    def _place(self, name: str | SourceName) -> Relation | str:
        """Return the relation of an input; for an ephemeral model, its query."""
        upstream = self._warehouse.project.models.get(name) if isinstance(name, str) else None
        if upstream is not None and upstream.is_ephemeral:
            return self._warehouse.compiler.sql(upstream, replace(self._naming, is_incremental=False))
        return self._naming.relation(name)
