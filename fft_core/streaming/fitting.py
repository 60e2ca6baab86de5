"""Rows get the columns and types of a table; its columns are added or widened, and rows that do not fit are found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from fft_core.engines.protocol import ColumnType, Session
from fft_core.errors import EngineError, StreamError
from fft_core.names import Relation
from fft_core.names.columns import ColumnNames
from fft_core.streaming.intake import dead_letters
from fft_core.streaming.source import BYTES, ERROR
from fft_core.streaming.tables import OWN, columns_of, created, declared_kinds, declared_types, kinds_of_table
from fft_core.streaming.types import EXACT_IN_DOUBLE, cast, exact, longest_text, wider

if TYPE_CHECKING:
    import pyarrow as pa

OnNewColumns: TypeAlias = Literal["ignore", "fail", "append_new_columns"]
Retype: TypeAlias = Callable[[ColumnType], bool]
"""Changes the type of a column, and returns False if another object prevents that."""


@dataclass(frozen=True)
class ColumnPolicy:
    """The columns that events may have.

    Attributes:
        declared: Declared types, by name; such a column is never widened.
        on_schema_change: The treatment of new columns, and of values that need a wider type.
        needed: The columns that are added in any case.
    """

    declared: Mapping[str, str] = field(default_factory=dict)
    on_schema_change: OnNewColumns = "append_new_columns"
    needed: frozenset[str] = frozenset()

    def adds(self, name: str) -> bool:
        """Return whether a new column is added to an existing table. Raises StreamError if that must fail."""
        if name.lower() in {needed.lower() for needed in self.needed} or self.on_schema_change == "append_new_columns":
            return True
        if self.on_schema_change == "fail":
            hint = "Set on_schema_change: append_new_columns, or ignore."
            raise StreamError(
                f"events have a new column {name!r}, and on_schema_change is fail", hint=hint, code="FFT-806"
            )
        return False


@dataclass(frozen=True)
class Fitted:
    """Rows with the types of a table, rows that cannot have them, and the statements that change the table first.

    Attributes:
        rows: The rows that fit.
        dead: The rows that do not fit, as bad records.
        statements: The statements to execute before the rows are added.
        is_new: Whether the statements create the table.
        is_retyped: Whether the statements change the types of existing columns.
    """

    rows: pa.Table
    dead: pa.Table
    statements: tuple[str, ...] = ()
    is_new: bool = False
    is_retyped: bool = False


def fitted(engine: Session, relation: Relation, rows: pa.Table, policy: ColumnPolicy) -> Fitted:
    """Return rows with the columns and types of a table of events; statements add the columns that the table lacks.

    The statements create a missing table, empty. They widen a column of numbers if a value needs that and the policy
    allows it; any other value that a column cannot store makes its record a bad one.

    Args:
        engine: The session.
        relation: The table.
        rows: The rows, as `Intake` has them.
        policy: The columns that events may have.

    Raises:
        StreamError: `on_schema_change` is "fail", and there are new columns, or values that need a wider type.
    """
    stored, statements = columns_of(engine, relation), list[str]()
    if not stored:
        statements.append(created(engine, relation, policy.declared))

    def retype(column: ColumnType) -> bool:
        statements.append(engine.spelling.change_type(relation, column))
        return True

    kinds = kinds_of_table(engine, relation) if stored else declared_kinds(engine, policy.declared)
    if stored and (missing := {n: kind for n, kind in policy.declared.items() if ColumnNames(kinds).find(n) is None}):
        types = declared_types(engine, missing)
        statements += (engine.spelling.add_column(relation, ColumnType(n, kind)) for n, kind in types.items())
        kinds = {**declared_kinds(engine, missing), **kinds}
    fit = _Fit(engine, relation if stored else None, kinds, policy, retype, rows.num_rows)
    fit.limit(stored)
    arrays = dict[str, Any]()  # Any: Arrow columns
    for name in rows.column_names:
        if name == BYTES:
            continue
        there = fit.known.find(name)
        if there is not None:
            arrays[there] = fit.cast(rows.column(name), there)
        elif not stored or policy.adds(name):
            kind = fit.storable(rows.column(name), name)
            if kind is not None:
                statements.append(engine.spelling.add_column(relation, kind))
                arrays[name] = rows.column(name)
    good, dead = fit.split(rows, arrays)
    return Fitted(good, dead, tuple(statements), is_new=not stored, is_retyped=fit.is_retyped)


def typed(engine: Session, relation: Relation | None, rows: pa.Table, policy: ColumnPolicy, retype: Retype) -> Fitted:
    """Return rows with the types of a table's columns, or with declared types; columns of numbers may be widened.

    Args:
        engine: The session.
        relation: The table; None if it does not exist.
        rows: The rows, as `Intake` has them.
        policy: The columns that events may have.
        retype: Widens a column of the table.

    Raises:
        StreamError: `on_schema_change` is "fail", and values need a wider type.
    """
    import pyarrow as pa

    kinds = kinds_of_table(engine, relation) if relation is not None else declared_kinds(engine, policy.declared)
    fit = _Fit(engine, relation, kinds, policy, retype, rows.num_rows)
    fit.limit(columns_of(engine, relation) if relation is not None else ())
    arrays = dict[str, Any]()  # Any: Arrow columns
    for name in rows.column_names:
        there = fit.known.find(name) if name not in (*OWN, BYTES) else None
        arrays[there or name] = fit.cast(rows.column(name), there) if there else rows.column(name)
    if relation is None:
        arrays |= {name: pa.nulls(rows.num_rows, kinds[name]) for name in policy.declared if name not in arrays}
    good, dead = fit.split(rows, arrays)
    return Fitted(good, dead, is_retyped=fit.is_retyped)


class _Fit:
    """The work on some rows: the errors so far, and the types that the columns of the table have by now."""

    def __init__(
        self,
        engine: Session,
        relation: Relation | None,
        kinds: Mapping[str, Any],
        policy: ColumnPolicy,
        retype: Retype,
        rows: int,
    ) -> None:
        self._engine, self._relation, self._kinds, self._policy = engine, relation, dict(kinds), policy
        self._declared = {name.lower(): kind for name, kind in policy.declared.items()}
        self._retype = retype
        self._errors: list[str | None] = [None] * rows
        self._longest = {name: longest_text(kind) for name, kind in self._declared.items()}
        self.known = ColumnNames(kinds)
        self.is_retyped = False

    def limit(self, stored: tuple[ColumnType, ...]) -> None:
        """Note the lengths of the texts that the columns of a table can store."""
        self._longest |= {column.name.lower(): n for column in stored if (n := longest_text(column.type))}

    def cast(self, column: Any, name: str) -> Any:  # Any: an Arrow column
        """Return a column with the type that the table has for it, or gets; note an error for each other value."""
        kind, longest = self._kinds[name], self._longest.get(name.lower())
        found, more = exact(column, kind), ""
        if found is None:
            wide = wider(kind, column.type)
            if wide is not None and wide != kind:
                more = self._widened(name, kind, wide)
            found = cast(column, self._kinds[name], name, self._errors, more)
        return found if longest is None else self._without_long(found, name, longest)

    def storable(self, column: Any, name: str) -> ColumnType | None:
        """Return the type of a new column. If it cannot be stored, return None, and note errors for its records."""
        try:
            self._engine.relation(name)  # the name of a column has the same limits
            return self._type_of(name, column.type)
        except EngineError as error:
            for place, is_there in enumerate(column.is_valid().to_pylist()):
                if is_there and self._errors[place] is None:
                    self._errors[place] = f"it has a column that cannot be stored: {error.problem.message}"
        return None

    def split(self, rows: pa.Table, arrays: Mapping[str, Any]) -> tuple[pa.Table, pa.Table]:
        """Return the rows that fit, with other columns; and those that do not, as bad records."""
        import pyarrow as pa

        table, errors = pa.table(dict(arrays)), self._errors
        if any(errors):
            table = table.filter(pa.array([error is None for error in errors], pa.bool_()))
        return table, dead_letters(rows.append_column(ERROR, pa.array(errors, pa.string())), errors)

    def _widened(self, name: str, kind: Any, wide: Any) -> str:
        """Widen a column of numbers; or return the reason why it keeps its type, as the end of a message."""
        import pyarrow.types as is_

        why = self._why_not(name, str(kind), f"values of {wide}")
        if why is None and is_.is_integer(kind) and is_.is_floating(wide) and self._has_large(name):
            why = "; the column has whole numbers that a double cannot hold, so it is not widened"
        why = self._change(self._type_of(name, wide)) if why is None else why
        if why is None:
            self._kinds[name] = wide
        return why or ""

    def _why_not(self, name: str, now: str, coming: str) -> str | None:
        """Return the reason why a column is not widened, as the end of a message. Raises StreamError."""
        declared, change = self._declared.get(name.lower()), self._policy.on_schema_change
        if declared is not None:
            return f"; columns declares it as {declared}"
        if change == "fail":
            hint = f"Declare its type, as in columns: {{{name}: TYPE}}, or set on_schema_change: append_new_columns."
            message = f"the column {name!r} is {now}, and {coming} have come; on_schema_change is fail"
            raise StreamError(message, hint=hint, code="FFT-806")
        return "; on_schema_change is ignore, so the column is not widened" if change == "ignore" else None

    def _change(self, column: ColumnType) -> str | None:
        if self._relation is not None and not self._retype(column):
            return "; a view reads the column, so it is not widened"
        self.is_retyped = self._relation is not None
        return None

    def _has_large(self, name: str) -> bool:
        if self._relation is None:
            return False
        spelling = self._engine.spelling
        column, table = spelling.quoted(name), self._relation.sql(spelling)
        where = f"{column} > {EXACT_IN_DOUBLE} or {column} < -{EXACT_IN_DOUBLE}"
        return bool(self._engine.fetch(f"select 1 from {table} where {where} limit 1"))

    def _type_of(self, name: str, kind: Any) -> ColumnType:
        """Return the engine's type for a type of Arrow."""
        import pyarrow as pa

        with self._engine.frames.query(pa.table({name: pa.array([], kind)})) as query:
            (found,) = self._engine.columns(query)
        return ColumnType(name, found.type)

    def _without_long(self, column: Any, name: str, longest: int) -> Any:
        """Note errors for texts that are longer than the column, unless the column gets any length."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if not pa.types.is_string(column.type):
            return column
        lengths: list[int | None] = pc.utf8_length(column).to_pylist()
        long = [place for place, length in enumerate(lengths) if length is not None and length > longest]
        more = self._lengthened(name, longest) if long else None
        for place in long if more is not None else ():
            said = f"its {name!r} has {lengths[place]} characters, and the column holds {longest}{more}"
            self._errors[place] = self._errors[place] or said
        return column

    def _lengthened(self, name: str, longest: int) -> str | None:
        """Let a column hold texts of any length; or return the reason why it does not, as the end of a message."""
        why = self._why_not(name, f"text of {longest} characters", "longer ones")
        if why is None:
            self._change(ColumnType(name, self._engine.types.column_type("string")))
        return why
