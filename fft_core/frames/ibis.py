"""Ibis tables: a model gets tables without rows, and returns an expression, which becomes a query of the engine."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from fft_core.errors import MissingDriverError, ModelError
from fft_core.frames.columns import said
from fft_core.names import SYMBOL, Quoting, Relation

if TYPE_CHECKING:
    import pyarrow as pa

_HINT = "Return an ibis.Table that uses the model's input tables."


def refuse_rows(table: pa.Table) -> NoReturn:
    """Raise ModelError: an Ibis table of a model has no rows, so it cannot be made from rows."""
    raise ModelError(
        "an ibis.Table is a query and cannot be created from rows",
        hint="Use a pandas or Polars DataFrame or a pyarrow Table here; ibis.memtable() makes a table from it.",
        code="FFT-414",
    )


@dataclass(frozen=True)
class IbisQuery:
    """The query of an expression, with symbols in place of its relations, such as `@orders`.

    Attributes:
        tree: The syntax tree of sqlglot.
        dialect: The sqlglot dialect that Ibis writes for the engine.
    """

    tree: Any
    dialect: Any

    @property
    def symbolic(self) -> str:
        """The query with symbols for relations: equal for equal queries, wherever the relations are."""
        return self._text(self.tree)

    @property
    def reads(self) -> frozenset[str]:
        """The symbols in it."""
        names = (table.name for table in self.tree.find_all(_sqlglot().exp.Table))
        return frozenset(name for name in names if name.startswith(SYMBOL))

    def sql(self, places: Mapping[str, Relation | str], spelling: Quoting) -> str:
        """Render the query.

        Args:
            places: The relation of each symbol, or the query that replaces it.
            spelling: Quotes names.
        """
        tree = self.tree.copy()
        for table in tree.find_all(_sqlglot().exp.Table):
            place = places.get(table.name)
            if isinstance(place, Relation):
                _put(table, place)
        inlined = {symbol: query for symbol, query in places.items() if isinstance(query, str)}
        return _with({spelling.quoted(symbol): query for symbol, query in inlined.items()}, self._text(tree))

    def _text(self, tree: Any) -> str:
        text: str = tree.sql(dialect=self.dialect, pretty=True)
        return text


def _with(inlined: Mapping[str, str], text: str) -> str:
    """Add queries as CTEs in front of the text, by their quoted names."""
    if not inlined:
        return text
    ctes = ",\n".join(f"{name} AS (\n{query}\n)" for name, query in inlined.items())
    head, _, rest = text.partition("WITH ")
    return f"WITH {ctes},\n{rest}" if not head and rest else f"WITH {ctes}\n{text}"


def _put(table: Any, place: Relation) -> None:
    identifiers = {"this": place.name, "db": place.schema, "catalog": place.catalog}
    for part, name in identifiers.items():
        table.set(part, _sqlglot().exp.to_identifier(name, quoted=True) if name else None)


def unbound_table(name: str, columns: Mapping[str, str], dialect: str) -> Any:
    """Return a table without rows, named by its symbol.

    Args:
        name: The model, seed or source.
        columns: Its columns, with the types as the engine writes them. Columns of types that Ibis does not know can be
            selected, compared and cast.
        dialect: The dialect of the engine.

    Raises:
        MissingDriverError: Ibis is not installed.
        ModelError: Ibis does not write for this engine.
    """
    types = _compiler(dialect).type_mapper
    schema = {column: _type(types, kind) for column, kind in columns.items()}
    return _ibis().table(_ibis().schema(schema), name=f"{SYMBOL}{name}")


def _type(types: Any, kind: str) -> Any:
    try:
        return types.from_string(kind)
    except (LookupError, TypeError, ValueError):  # a type that Ibis writes in another way; others are unknown to it
        return importlib.import_module("ibis.expr.datatypes").Unknown(raw_type=kind)


def query_of(result: Any, dialect: str) -> IbisQuery:
    """Return the query of the value that a model returned. Nothing is executed.

    Args:
        result: The expression, over tables that `unbound_table` made.
        dialect: The dialect of the engine.

    Raises:
        ModelError: it is not an Ibis table, reads other relations, or has no equivalent in the SQL of this engine.
    """
    if not isinstance(result, _ibis().expr.types.Table):
        found = f"{type(result).__module__.partition('.')[0]}.{type(result).__name__}"
        hint = f"{_HINT} as_table() makes one of a column or a value." if found.startswith("ibis.") else _HINT
        raise ModelError(f"a model that takes ibis.Table must return one, not {found}", hint=hint)
    _refuse_foreign(result)
    compiler = _compiler(dialect)
    try:
        return IbisQuery(compiler.to_sqlglot(result), compiler.dialect)
    except Exception as error:  # an error of Ibis: an operation that the engine lacks, a type that SQL lacks
        raise ModelError(f"its result cannot be written in SQL of {dialect}: {said(error)}") from error


def _refuse_foreign(result: Any) -> None:
    """Raise ModelError for expressions that need another connection, or rows that go through Python."""
    operations = importlib.import_module("ibis.expr.operations")
    for table in result.op().find((operations.PhysicalTable, operations.SQLQueryResult)):
        if isinstance(table, operations.InMemoryTable):
            raise ModelError(
                "it returns a query over ibis.memtable(), whose rows are in this process and not in the database",
                hint="Make a seed of them, or take pandas frames instead of ibis.Table.",
            )
        if not isinstance(table, operations.UnboundTable) or not table.name.startswith(SYMBOL):
            name = getattr(table, "name", type(table).__name__)
            raise ModelError(f"it returns a query over {name}, which is not an input of the model", hint=_HINT)
    for called in result.op().find((operations.ScalarUDF, operations.AggUDF)):
        if called.__input_type__.name != "BUILTIN":
            raise ModelError(
                f"it calls {called.__func_name__}(), a Python function, which the database does not have",
                hint="Use the database's own functions: @ibis.udf.scalar.builtin declares one.",
            )


def _compiler(dialect: str) -> Any:
    _ibis()
    try:
        return importlib.import_module(f"ibis.backends.sql.compilers.{dialect}").compiler
    except ModuleNotFoundError as error:
        raise ModelError(f"Ibis does not write SQL of {dialect}") from error


def _ibis() -> Any:
    try:
        import ibis
        import ibis.expr.types
    except ModuleNotFoundError as error:
        message = "a model takes Ibis tables, but Ibis is not installed"
        raise MissingDriverError(message, hint='pip install "fft-dagster[ibis]"', code="FFT-211") from error
    return ibis


def _sqlglot() -> Any:
    return importlib.import_module("sqlglot")
