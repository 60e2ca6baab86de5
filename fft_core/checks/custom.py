"""Custom checks: SQL templates of the project, and functions in its files."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from fft_core.checks.query import CheckQuery
from fft_core.compile.project_code import ProjectCode
from fft_core.compile.render import Naming, Renderer
from fft_core.compile.single_query import with_values
from fft_core.engines.protocol import Row, Session
from fft_core.errors import FftError, Location, ModelError, message_of
from fft_core.names import Relation
from fft_core.project.model import Check, CheckContext, PythonCheck, SourceName, SqlCheck


@lru_cache(maxsize=16)  # a context belongs to one load of one project
def _renderer(context: CheckContext) -> Renderer:
    return Renderer(context.project, _code(context))


@lru_cache(maxsize=16)
def _code(context: CheckContext) -> ProjectCode:
    return ProjectCode(context.project)


def sql_query(
    check: Check,
    rule: SqlCheck,
    relation: Relation,
    engine: Session,
    relation_of: Callable[[str | SourceName], Relation],
) -> CheckQuery:
    """Render a custom check. Raises RenderError.

    Args:
        check: The check.
        rule: Its rule.
        relation: The rows to judge, the `table` of the template.
        engine: The session of the database with the rows.
        relation_of: Returns the other relations that the template mentions.
    """

    def named(node: str | SourceName) -> Relation:
        return relation if node == check.node else relation_of(node)

    table = relation if rule.about is None else relation_of(rule.about)
    text = _renderer(_context(rule)).check(rule, Naming(named, engine.spelling), table, check.where)
    return CheckQuery(check, None, text, is_number=is_number(text, engine.dialect))


def _context(rule: SqlCheck | PythonCheck) -> CheckContext:
    assert rule.context is not None  # every loaded project sets it
    return rule.context


def is_number(sql: str, dialect: str) -> bool:
    """Return whether a query returns one number, as `select count(*)` does, or rows, by its form.

    >>> is_number("select count(*) from t", "duckdb"), is_number("select id from t where id < 0", "duckdb")
    (True, False)
    """
    import sqlglot  # slow to import: most projects have no custom check

    try:
        query = sqlglot.parse_one(sql, dialect=dialect)
    except sqlglot.errors.SqlglotError:
        return False
    selects = getattr(query, "selects", [])
    return len(selects) == 1 and _is_one_row(query, {})


def _is_one_row(query: Any, outer: Mapping[str, Any]) -> bool:  # Any: sqlglot's expressions
    from sqlglot import exp

    if isinstance(query, exp.Subquery):
        return _is_one_row(query.this, outer)
    if not isinstance(query, exp.Select):
        return False
    known = {**outer, **{cte.alias: cte.this for cte in query.ctes}}
    if any(_is_aggregate(selected) for selected in query.selects):
        return query.args.get("group") is None
    source = query.args.get("from_") or query.args.get("from")
    if query.args.get("joins") or query.args.get("where") or query.args.get("group"):
        return False
    if source is None:
        return True
    read = known.get(source.this.name) if isinstance(source.this, exp.Table) else source.this
    return read is not None and _is_one_row(read, known)


def _is_aggregate(selected: Any) -> bool:
    from sqlglot import exp

    if selected.find(exp.Subquery, exp.Select):
        return False
    return any(found.find_ancestor(exp.Window) is None for found in selected.find_all(exp.AggFunc))


def number_of(rows: Sequence[Row]) -> int:
    """Read the number of failing rows: NULL is 0, a fraction is rounded up, and numbers below 0 are 0."""
    value = rows[0][0] if rows else None
    if value is None:
        return 0
    try:
        number: int = math.ceil(value)
    except (TypeError, ValueError, OverflowError):
        raise FftError(f"it returns {value!r}, which is not a number of failing rows", code="FFT-503") from None
    return max(0, number)


@dataclass(frozen=True)
class Verdict:
    """The verdict of a function: whether the rows are good, and if not, a message and a query that shows them."""

    passed: bool
    message: str
    example_sql: str


def python_verdict(check: Check, rule: PythonCheck, relation: Relation, engine: Session) -> Verdict:
    """Call the function of a custom check. Raises FftError if it fails, or returns another type.

    Args:
        check: The check.
        rule: Its rule.
        relation: The rows to judge; the function gets their name as SQL.
        engine: The session of the database with the rows.
    """
    code, table = _code(_context(rule)), relation.sql(engine.spelling)
    try:
        function = code.function(rule.path, rule.function)
        params = _params(code, rule)
        result = function(Connection(engine), table, rule.column, params)
    except FftError:
        raise
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}: {message_of(error)}".rstrip(": ")
        raise _failed(check, rule, f"raised {said}") from error
    match result:
        case (bool() | int() as passed, message, example):
            return Verdict(bool(passed), str(message or ""), str(example or ""))
        case bool():
            return Verdict(result, "", "")
    raise _failed(check, rule, f"returned {result!r}, not (ok, message, example_sql)")


def _params(code: ProjectCode, rule: PythonCheck) -> dict[str, Any]:
    if rule.params_model is None:
        return dict(rule.params)
    first, *rest = rule.params_model.split(".")
    model: Any = code.function(rule.path, first)
    for name in rest:
        model = getattr(model, name)
    values: dict[str, Any] = model(**rule.params).model_dump()
    return values


def _failed(check: Check, rule: PythonCheck, said: str) -> ModelError:
    return ModelError(
        f"check {check.name} of {check.node}: {rule.function}() {said}", where=Location(rule.path), code="FFT-503"
    )


class Result:
    """The rows of a query, with the methods of a cursor of Python's database API."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = list(rows)

    def fetchone(self) -> Row | None:
        """Return the next row; None after the last one."""
        return self._rows.pop(0) if self._rows else None

    def fetchall(self) -> list[Row]:
        """Return the remaining rows."""
        rows, self._rows = self._rows, []
        return rows

    def scalar(self) -> Any:
        """Return the first column of the next row; None if there is none."""
        row = self.fetchone()
        return row[0] if row else None


class Connection:
    """The database connection of a custom check in Python. It sees rows that are not published yet."""

    def __init__(self, engine: Session) -> None:
        self._engine = engine
        self.dialect = engine.dialect

    def execute(self, sql: object, parameters: Sequence[object] = ()) -> Result:
        """Run a query with parameters, one for each `?`. Raises StatementError."""
        return Result(self._engine.fetch(with_values(str(sql), parameters, self._engine.spelling)))

    def sql_of(self, name: str) -> str:
        """Quote a name."""
        return self._engine.spelling.quoted(name)
