"""A few rows of each input of a model, chosen so that joins find partners."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from fft_core.build.rows import how_to_get
from fft_core.compile.render import Naming
from fft_core.engines.protocol import ColumnType
from fft_core.errors import MissingRelationError
from fft_core.names import SYMBOL, Relation
from fft_core.plan.relations import parsed
from fft_core.project.model import Model, SourceName
from fft_core.unit_tests.fakes import Fakes
from fft_core.warehouse.warehouse import Warehouse

_MOST_VALUES = 200  # of a column, to search partners by


@dataclass(frozen=True)
class SampledRows:
    """Sampled rows of one input.

    Attributes:
        node: The name of the input.
        columns: Its columns, with their types.
        rows: The rows, by the names of the columns; values of personal columns are stand-ins.
        faked: The columns with stand-ins.
    """

    node: str | SourceName
    columns: tuple[ColumnType, ...]
    rows: tuple[Mapping[str, object], ...]
    faked: tuple[str, ...]


@dataclass(frozen=True)
class _Link:
    """Two columns that are joined; names are in small letters."""

    left: tuple[str | SourceName, str]
    right: tuple[str | SourceName, str]


def sample(warehouse: Warehouse, model: Model, count: int) -> tuple[SampledRows, ...]:
    """Read a few rows of each input of a model.

    The first input gets the rows with the smallest values in its first columns. Further inputs get rows whose values
    occur in inputs that are sampled already: in columns that the model compares, in declared relationships, and in
    columns of the same name. If there are no such rows, they also get those with the smallest values.

    Values of columns with the tag `pii`, in the model, here or anywhere upstream under the same name, are replaced.

    Args:
        warehouse: An open warehouse, which may be read-only.
        model: The model.
        count: The limit of rows for each input.

    Raises:
        MissingRelationError: an input is not in the database.
    """
    sampling = _Sampling(warehouse, model, count)
    return tuple(sampling.of(node) for node in warehouse.project.stored_inputs(model))


class _Sampling:
    """A sampling of one input after the other; real values are kept meanwhile, to find partners."""

    def __init__(self, warehouse: Warehouse, model: Model, count: int) -> None:
        self._warehouse, self._count = warehouse, count
        self._own = frozenset(column.name.lower() for column in model.columns if column.is_pii)
        self._links = tuple({*_compared(warehouse, model), *_related(warehouse, model)})
        self._values: dict[tuple[str | SourceName, str], list[object]] = {}
        self._fakes = Fakes()

    def of(self, node: str | SourceName) -> SampledRows:
        """Sample one input."""
        engine, relation = self._warehouse.engine, self._warehouse.relation(node)
        if relation not in engine.inspect([relation]):
            said = f"{relation} does not exist: no rows to copy"
            raise MissingRelationError(said, hint=how_to_get(self._warehouse, node))
        columns = engine.columns(engine.spelling.select_all(relation))
        found = engine.fetch(self._query(node, relation, columns))
        names = [column.name for column in columns]
        for index, name in enumerate(names):
            values = dict.fromkeys(row[index] for row in found if isinstance(row[index], str | int))
            self._values[node, name.lower()] = list(values)[:_MOST_VALUES]
        personal = self._personal(node)
        faked = tuple(name for name in names if name.lower() in personal)
        rows = [dict(zip(names, row, strict=True)) for row in found]
        hidden = [{n: self._fakes.of(v) if n in faked else v for n, v in row.items()} for row in rows]
        return SampledRows(node, tuple(columns), tuple(hidden), faked)

    def _query(self, node: str | SourceName, relation: Relation, columns: Sequence[ColumnType]) -> str:
        """Render the query for the rows with most partners, then those with the smallest values."""
        spelling = self._warehouse.engine.spelling
        partners = []
        for column in columns:
            values = self._partners(node, column.name.lower())
            if values:
                text = spelling.cast(spelling.quoted(column.name), "text")
                partners.append(f"case when {text} in ({spelling.literals(map(str, values))}) then 1 else 0 end")
        comparable = [self._warehouse.engine.types.comparable(spelling.quoted(c.name), c.type) for c in columns[:3]]
        order = [f"({' + '.join(partners)}) desc", *comparable] if partners else comparable
        return f"{spelling.select_all(relation)} order by {', '.join(order)} limit {self._count}"

    def _partners(self, node: str | SourceName, column: str) -> list[object]:
        """Return the values of sampled inputs that a column is compared with."""
        found: dict[object, None] = {}
        for link in self._links:
            for one, other in ((link.left, link.right), (link.right, link.left)):
                if one == (node, column):
                    found |= dict.fromkeys(self._values.get(other, ()))
        if not found:
            for (_, name), values in self._values.items():
                if name == column:
                    found |= dict.fromkeys(values)
        return list(found)

    def _personal(self, node: str | SourceName) -> frozenset[str]:
        """Return the personal columns of an input, tagged here, or under the same name upstream or in the model."""
        project = self._warehouse.project
        above = [project.upstream(node)] if isinstance(node, str) else []
        names: set[str | SourceName] = {node, *(name for found in above for name in found)}
        names |= {
            read
            for name in list(names)
            if isinstance(name, str) and name in project.models
            for read in project.models[name].inputs
        }
        seeds = {project.seed_behind(name) for name in names if isinstance(name, SourceName)} - {None}
        known = [*(n for n in names if isinstance(n, SourceName) or n in project.models or n in project.seeds), *seeds]
        nodes = [project.sources[n] if isinstance(n, SourceName) else project.node(str(n)) for n in known]
        return self._own.union(column.name.lower() for one in nodes for column in one.columns if column.is_pii)


def _related(warehouse: Warehouse, model: Model) -> Iterator[_Link]:
    """Yield the columns that checks compare, such as those of type `relationships`."""
    inputs = warehouse.project.stored_inputs(model)
    for node in inputs:
        for check in warehouse.project.checks_of(node):
            for other, fields in check.rule.needs.items():
                if other in inputs and len(fields) == len(check.rule.columns) == 1:
                    yield _Link((node, check.rule.columns[0].lower()), (other, fields[0].lower()))


def _compared(warehouse: Warehouse, model: Model) -> Iterator[_Link]:
    """Yield the columns that a SQL model compares with `=`; none if the syntax tree does not show their tables."""
    if model.kind != "sql":
        return
    nodes = {f"{SYMBOL}{node}": node for node in warehouse.project.stored_inputs(model)}
    naming = Naming(lambda node: Relation(f"{SYMBOL}{node}"), warehouse.engine.spelling)
    tree = parsed(warehouse.compiler.sql(model, naming), warehouse.engine.dialect)
    if tree is None:
        return
    called = {table.alias_or_name: nodes[table.name] for table in tree.find_all(exp.Table) if table.name in nodes}
    for equal in tree.find_all(exp.EQ):
        left, right = equal.this, equal.expression
        if not (isinstance(left, exp.Column) and isinstance(right, exp.Column)):
            continue
        if left.table in called and right.table in called:
            yield _Link((called[left.table], left.name.lower()), (called[right.table], right.name.lower()))
