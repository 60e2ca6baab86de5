"""Adapts the columns of staged rows to those of a table; queries the database to see which casts lose values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fft_core.build.strategies.columns import Adaption, Difference, adapted, compared, lost_in_casts
from fft_core.build.strategies.keys import ColumnPair
from fft_core.build.strategies.settings import explained_names, increment_error
from fft_core.engines.protocol import ColumnType, Session, Stage
from fft_core.errors import IncrementError, StatementError
from fft_core.names import Relation
from fft_core.project.model import Model, OnSchemaChange, Snapshot


@dataclass(frozen=True)
class Fit:
    """Staged rows that are to be applied to a table.

    Attributes:
        engine: The session of the stage.
        model: The model that the rows belong to.
        stage: The stage with the table that the rows are applied to.
        table: The published relation of that table, for messages.
        stored: The columns of the table that hold the model's rows.
        rows: The relation that holds the staged rows.
        columns: The columns of the staged rows.
    """

    engine: Session
    model: Model
    stage: Stage
    table: Relation
    stored: Sequence[ColumnType]
    rows: Relation
    columns: Sequence[ColumnType]

    def adaption(self, policy: OnSchemaChange) -> Adaption:
        """Return the changes to the table, and the casts of the rows, that make their columns match.

        Raises:
            IncrementError: the policy is 'fail' and columns differ, or a cast would change values.
        """
        with explained_names(self.model):
            difference = compared(self.stored, self.columns)
        difference, held = self._without_untyped(difference, policy)
        adaption = adapted(difference, policy)
        if adaption is None:
            raise increment_error(
                self.model,
                f"its columns differ from those of {self.table}, and on_schema_change is 'fail': {difference}",
                f"Choose another on_schema_change, or rebuild it: --full-refresh {self.model.name}",
                "FFT-431",
            )
        self._refuse_lossy_casts(adaption)
        return replace(adaption, casts={**adaption.casts, **held})

    def pairs(self, adaption: Adaption, key: Sequence[str]) -> tuple[ColumnPair, ...]:
        """Return, for each column of the table that is written, its pair with the column of the rows.

        Raises:
            IncrementError: the table lacks a column of the key.
        """
        stored = {given: name for name, given in adaption.columns.items()}
        missing = [name for name in key if name not in stored]
        if missing:
            message = f"{self.table} has no column {missing[0]!r}, which is part of its key"
            raise increment_error(self.model, message, f"Rebuild it: --full-refresh {self.model.name}", "FFT-431")
        types = {column.name: column.type for column in self.cast_columns(adaption)}
        return tuple(ColumnPair(name, given, types[given]) for name, given in adaption.columns.items())

    def cast_columns(self, adaption: Adaption) -> tuple[ColumnType, ...]:
        """Return the columns of the rows, with the types that they have after the casts to the types of the table."""
        types = {adaption.columns[name]: old for name, (old, _) in adaption.casts.items()}
        return tuple(replace(column, type=types.get(column.name, column.type)) for column in self.columns)

    def _without_untyped(
        self, difference: Difference, policy: OnSchemaChange
    ) -> tuple[Difference, Mapping[str, tuple[str, str]]]:
        """Return the difference without text columns that hold only NULL, and the casts of such columns of the rows.

        A column such as `null as n` has no type of its own, and was created as text. In the rows, it is cast to the
        type of the table. In the table, it gets the type of the rows, unless the policy is 'fail'.
        """
        text, retyped = self.engine.types.column_type("string").lower(), dict(difference.retyped)
        coming = {name: types for name, types in retyped.items() if types[1].lower() == text}
        held = {name: coming[name] for name in self._empty(self.rows, {n: difference.same[n] for n in coming})}
        stored = [name for name, types in retyped.items() if types[0].lower() == text and policy != "fail"]
        for name in self._empty(self.stage.place, {name: name for name in stored}):
            if self.stage.retype(ColumnType(name, retyped[name][1])):
                held[name] = retyped[name]
        rest = {name: types for name, types in retyped.items() if name not in held}
        return replace(difference, retyped=rest), {name: held[name] for name in held if name in coming}

    def _empty(self, relation: Relation, columns: Mapping[str, str]) -> list[str]:
        """Return the keys of those columns that hold only NULL; the values of `columns` are names in the relation."""
        if not columns:
            return []
        counts = ", ".join(f"count({self.engine.spelling.quoted(name)})" for name in columns.values())
        (found,) = self.engine.fetch(f"select {counts} from {relation.sql(self.engine.spelling)}")
        return [name for name, count in zip(columns, found, strict=True) if not count]

    def _refuse_lossy_casts(self, adaption: Adaption) -> None:
        query = lost_in_casts(self.rows, adaption, self.engine.types)
        try:
            counts = self.engine.fetch(query)[0] if query else ()
        except StatementError as error:
            said = error.problem.message.splitlines()[0]
            raise self._lossy(adaption.casts, f"some values would change ({said})") from error
        for (column, types), count in zip(adaption.casts.items(), counts, strict=True):
            if count:
                raise self._lossy({column: types}, f"{count} values would change")

    def _lossy(self, casts: Mapping[str, tuple[str, str]], what: str) -> IncrementError:
        types = ", ".join(
            f"its column {name!r} is {new}, and {old} in {self.table}" for name, (old, new) in casts.items()
        )
        if isinstance(self.model.materialization, Snapshot):
            hint = "Cast it in the model: existing versions in a snapshot keep their types."
        else:
            hint = "Cast it in the model, or use on_schema_change='sync_all_columns'."
        return increment_error(self.model, f"{types}: {what}", hint, "FFT-431")
