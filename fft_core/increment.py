"""Applies staged rows to the table of an incremental model or snapshot, inside the transaction that publishes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeAlias

from fft_core.checks.run import CheckResult
from fft_core.column_names import AmbiguousColumnError, ColumnNames
from fft_core.engines.created import usable_columns
from fft_core.engines.engine import ColumnType, Engine
from fft_core.engines.spelling import Spelling
from fft_core.errors import IncrementError, StatementError, nearest
from fft_core.names import Relation
from fft_core.project.model import Incremental, Model, OnSchemaChange, Snapshot
from fft_core.strategies import incremental, snapshot
from fft_core.strategies.columns import Adaption, Difference, adapted, compared, lost_in_casts
from fft_core.strategies.keys import ColumnPair, null_keys, repeated_keys, say_key

_DELTA, _VERSIONS = "_ff_delta", "_ff_versions"  # temporary: only this session sees them
Columns: TypeAlias = tuple[ColumnType, ...]
Create: TypeAlias = Callable[[str], tuple[Columns, int | None]]
CheckDelta: TypeAlias = Callable[[Relation, Columns], tuple[CheckResult, ...]]


@dataclass(frozen=True)
class Written:
    """What was written, and where: the stage or the published table itself.

    With its columns now, its rows if they are known, and the checks of the delta.

    `changes` counts what an increment did. `is_unchanged` tells that the table is, to the last row, what it was.
    """

    place: Relation
    columns: Columns
    row_count: int | None
    delta_checks: tuple[CheckResult, ...] = ()
    changes: Mapping[str, int] = field(default_factory=dict)
    is_unchanged: bool = False


@dataclass(frozen=True)
class Increment:
    """A model whose table is changed in place.

    Attributes:
        engine: In a transaction.
        model: An incremental model or a snapshot.
        relation: Its table.
        stage: Where it is created; on some engines the table itself.
        is_first: Whether the table is created from the rows, instead of being changed.
        create: Creates the table from a query.
        check_delta: Runs the checks of the delta, and raises where a blocking one fails.
    """

    engine: Engine
    model: Model
    relation: Relation
    stage: Relation
    is_first: bool
    create: Create
    check_delta: CheckDelta

    def write(self, query: str) -> Written:
        """Create the table from a query's rows, or apply them to it.

        Raises:
            IncrementError: keys are missing or occur twice, or the columns do not fit.
            CheckFailedError: a check of the delta failed.
        """
        match self.model.materialization:
            case Incremental() as settings if self.is_first:
                return self._first(settings, query)
            case Incremental() as settings:
                return self._applied(settings, query)
            case Snapshot() as settings:
                return self._versioned(settings, query)
        raise AssertionError(f"{self.model.name} replaces its table")  # callers ask for these two

    # --- incremental --------------------------------------------------------------------------------------------------

    def _first(self, settings: Incremental, query: str) -> Written:
        columns, rows = self.create(query)
        settings = self._with_columns(settings, columns)
        self._refuse_keys(self.stage, columns, settings.unique_key, settings.partition_by)
        return Written(self.stage, columns, rows)

    def _applied(self, settings: Incremental, query: str) -> Written:
        settings = self._with_columns(settings, self._columns(query))
        stored = self._columns_of(self.relation)
        delta = self._stage(_DELTA, self._newer_rows(query, settings, stored), query)
        columns = self._columns_of(delta)
        self._refuse_keys(delta, columns, settings.unique_key, settings.partition_by)
        adaption = self._adaption(delta, columns, stored, settings.on_schema_change)
        pairs = self._pairs(adaption, columns, (*settings.unique_key, *settings.partition_by))
        checks = self.check_delta(delta, columns)
        ((delta_rows,),) = self.engine.fetch(f"select count(*) from {delta.sql(self._spelling)}")
        self._cast(delta, adaption)
        application = incremental.Application(self.relation, delta, pairs, self.engine)
        # a delta without rows would be applied to no effect, but touch the table all the same
        changed = self._run(adaption.statements, application.statements(settings) if delta_rows else ())
        self._drop(delta)
        return self._written(checks, {"delta_rows": int(delta_rows)}, is_unchanged=changed == 0)

    def _newer_rows(self, query: str, settings: Incremental, stored: Columns) -> str:
        if settings.lookback is None:
            return query
        columns = [
            ColumnPair(self._found("updated_at_column", [name], stored, of=str(self.relation))[0], name, "")
            for name in settings.updated_at
        ]
        return incremental.newer_rows(query, columns, settings.lookback, self.relation, self._spelling)

    def _with_columns(self, settings: Incremental, columns: Columns) -> Incremental:
        return replace(
            settings,
            unique_key=self._found("unique_key", settings.unique_key, columns),
            partition_by=self._found("partition_by", settings.partition_by, columns),
            updated_at=self._found("updated_at_column", settings.updated_at, columns),
        )

    # --- snapshot -----------------------------------------------------------------------------------------------------

    def _versioned(self, settings: Snapshot, query: str) -> Written:
        rows = self._stage(_DELTA, query, query)
        columns = self._columns_of(rows)
        settings = self._for_snapshot(settings, rows, columns)
        staged = snapshot.SnapshotRows(settings, rows, columns, datetime.now(UTC), self.engine)
        if self.is_first:
            created, count = self.create(snapshot.first_versions(staged))
            self._drop(rows)
            return Written(self.stage, created, count)
        stored = self._columns_of(self.relation)
        self._refuse_other_table(stored)
        own = [column for column in stored if column.name.lower() not in snapshot.ADDED]
        adaption = self._adaption(rows, columns, own, settings.on_schema_change)
        pairs = self._pairs(adaption, columns, settings.unique_key)
        added = self._run(adaption.statements, ())
        self._cast(rows, adaption)
        staged = replace(staged, columns=self._columns_of(rows))
        versions = self._stage(_VERSIONS, snapshot.new_versions(staged, self.relation, pairs))
        changes = self._version_counts(staged, versions, pairs)
        changed = self._run((), snapshot.applied(staged, self.relation, versions, pairs))
        self._drop(rows, versions)
        return self._written((), changes, is_unchanged=changed == 0 and added == 0)

    def _for_snapshot(self, settings: Snapshot, rows: Relation, columns: Columns) -> Snapshot:
        reserved = [column.name for column in columns if column.name.lower() in snapshot.ADDED]
        if reserved:
            message = f"it has a column {reserved[0]!r}, which is one of those that a snapshot adds"
            raise self._error(message, "Rename it.")
        key = self._found("unique_key", settings.unique_key, columns)
        checked = self._found("check_cols", settings.check_columns, columns)
        updated_at = self._found("updated_at", [settings.updated_at] if settings.updated_at else [], columns)
        if updated_at:
            self._refuse_times(rows, updated_at[0], columns)
        self._refuse_keys(rows, columns, key, updated_at)
        return replace(
            settings, unique_key=key, check_columns=checked, updated_at=updated_at[0] if updated_at else None
        )

    def _refuse_times(self, rows: Relation, column: str, columns: Columns) -> None:
        kind = next(c.type for c in columns if c.name == column)
        if not kind.lower().startswith(("date", "timestamp")):
            message = f"its updated_at {column!r} is {kind}, not a date or timestamp"
            raise self._error(message, f"Cast it: cast({column} as timestamp) as {column}.")

    def _refuse_other_table(self, stored: Columns) -> None:
        names = {column.name.lower() for column in stored}
        missing = [name for name in snapshot.ADDED if name not in names]
        if missing:
            raise self._error(
                f"{self.relation} is there, and is not a snapshot: it has no column {', '.join(missing)}",
                f"Rename or drop it, or replace it by a snapshot of now: --full-refresh {self.model.name}",
            )

    def _version_counts(
        self, staged: snapshot.SnapshotRows, versions: Relation, pairs: Sequence[ColumnPair]
    ) -> dict[str, int]:
        ((new,),) = self.engine.fetch(f"select count(*) from {versions.sql(self._spelling)}")
        counts = {"new_versions": int(new)}
        late = snapshot.late_rows(staged, self.relation, pairs)
        if late is not None:
            ((count,),) = self.engine.fetch(late)
            counts["late_rows"] = int(count)
        return counts

    # --- both ---------------------------------------------------------------------------------------------------------

    @property
    def _spelling(self) -> Spelling:
        return self.engine.spelling

    def _stage(self, name: str, query: str, written: str | None = None) -> Relation:
        """Stage the rows of a query in a temporary table; `written` is what the model says, which has all its names."""
        self.engine.execute(self._spelling.create_temporary(name, query))
        if written is not None:
            usable_columns(self.engine, Relation(name), written, is_table=True)
        return Relation(name)

    def _drop(self, *staged: Relation) -> None:
        for relation in staged:
            self.engine.execute(self._spelling.drop(relation, "table"))

    def _columns(self, query: str) -> Columns:
        return self.engine.columns(query)

    def _columns_of(self, relation: Relation) -> Columns:
        return self._columns(self._spelling.select_all(relation))

    def _run(self, alterations: Iterable[str], statements: Iterable[str]) -> int | None:
        """Run statements; say how many rows were changed, None where the engine does not tell or columns changed."""
        is_known, changed = True, 0
        for statement in alterations:
            self.engine.execute(statement)
            is_known = False
        for statement in statements:
            rows = self.engine.execute(statement)
            is_known, changed = is_known and rows is not None, changed + (rows or 0)
        return changed if is_known else None

    def _written(self, checks: tuple[CheckResult, ...], changes: Mapping[str, int], *, is_unchanged: bool) -> Written:
        ((rows,),) = self.engine.fetch(f"select count(*) from {self.relation.sql(self._spelling)}")
        return Written(self.relation, self._columns_of(self.relation), int(rows), checks, changes, is_unchanged)

    def _adaption(
        self, rows: Relation, columns: Columns, stored: Sequence[ColumnType], policy: OnSchemaChange
    ) -> Adaption:
        with self._explained_names():
            difference = compared(stored, columns)
        difference, held = self._without_untyped(rows, difference, policy)
        adaption = adapted(self.relation, difference, policy, self._spelling)
        if adaption is None:
            raise self._error(
                f"its columns are not those of {self.relation}, and on_schema_change is 'fail': {difference}",
                f"Choose another on_schema_change, or build it anew: --full-refresh {self.model.name}",
            )
        self._refuse_lossy_casts(rows, adaption)
        return replace(adaption, casts={**adaption.casts, **held})

    def _without_untyped(
        self, rows: Relation, difference: Difference, policy: OnSchemaChange
    ) -> tuple[Difference, Mapping[str, tuple[str, str]]]:
        """Let columns without a value have the type of the other side, as `null as n` says none: it became text.

        A column of the table gets the type of the rows, unless nothing may change. Gives what differs then, and the
        casts of rows that hold nothing.
        """
        text, retyped = self.engine.column_type("string").lower(), dict(difference.retyped)
        coming = {name: types for name, types in retyped.items() if types[1].lower() == text}
        held = {name: coming[name] for name in self._empty(rows, {n: difference.same[n] for n in coming})}
        stored = [name for name, types in retyped.items() if types[0].lower() == text and policy != "fail"]
        for name in self._empty(self.relation, {name: name for name in stored}):
            if self.engine.retype(self.relation, ColumnType(name, retyped[name][1])):
                held[name] = retyped[name]
        rest = {name: types for name, types in retyped.items() if name not in held}
        return replace(difference, retyped=rest), {name: held[name] for name in held if name in coming}

    def _empty(self, relation: Relation, columns: Mapping[str, str]) -> list[str]:
        """Name those columns that hold no value; each is given by its name in the relation."""
        if not columns:
            return []
        counts = ", ".join(f"count({self._spelling.quoted(name)})" for name in columns.values())
        (found,) = self.engine.fetch(f"select {counts} from {relation.sql(self._spelling)}")
        return [name for name, count in zip(columns, found, strict=True) if not count]

    def _cast(self, rows: Relation, adaption: Adaption) -> None:
        """Give staged rows the types of the table, where they are others: not every engine compares what differs."""
        for name, (stored, _) in adaption.casts.items():
            self.engine.execute(self._spelling.change_type(rows, ColumnType(adaption.columns[name], stored)))

    def _pairs(self, adaption: Adaption, columns: Columns, key: Sequence[str]) -> tuple[ColumnPair, ...]:
        """Each column of the table that is written, with that of the rows. Raises if the table lacks one of the key."""
        stored = {given: name for name, given in adaption.columns.items()}
        missing = [name for name in key if name not in stored]
        if missing:
            message = f"{self.relation} has no column {missing[0]!r}, by which rows are to be told apart"
            raise self._error(message, f"Build it anew: --full-refresh {self.model.name}")
        types = {column.name: column.type for column in columns}
        types |= {adaption.columns[name]: old for name, (old, _) in adaption.casts.items()}
        return tuple(ColumnPair(name, given, types[given]) for name, given in adaption.columns.items())

    def _refuse_lossy_casts(self, rows: Relation, adaption: Adaption) -> None:
        query = lost_in_casts(rows, adaption, self.engine)
        try:
            counts = self.engine.fetch(query)[0] if query else ()
        except StatementError as error:
            said = error.problem.message.splitlines()[0]
            raise self._lossy(adaption.casts, f"some values would not be the same ({said})") from error
        for (column, types), count in zip(adaption.casts.items(), counts, strict=True):
            if count:
                raise self._lossy({column: types}, f"{count} values would not be the same")

    def _lossy(self, casts: Mapping[str, tuple[str, str]], what: str) -> IncrementError:
        types = ", ".join(
            f"its column {name!r} is {new}, and {old} in {self.relation}" for name, (old, new) in casts.items()
        )
        if isinstance(self.model.materialization, Snapshot):
            hint = "Cast it in the model: the versions in a snapshot keep the types that they have."
        else:
            hint = "Cast it in the model, or use on_schema_change='sync_all_columns'."
        return self._error(f"{types}: {what}", hint)

    def _refuse_keys(self, rows: Relation, columns: Columns, key: Sequence[str], never_null: Sequence[str]) -> None:
        """Raise where a row has no key, or shares it; `never_null` are further columns that each row must have."""
        typed = {column.name: column for column in columns}
        for names, called in ((key, "unique_key"), (never_null, "the columns that must be set")):
            wanted = [typed[name] for name in names]
            missing = self.engine.fetch(null_keys(rows, wanted, self._spelling)) if names else []
            if missing:
                said = "; ".join(say_key(names, row[1:]) for row in missing)
                message = f"rows with NULL in {called} ({', '.join(names)}): {missing[0][0]}, such as {said}"
                raise self._error(message, "Leave such rows out, or give them a value.")
        repeated = self.engine.fetch(repeated_keys(rows, [typed[name] for name in key], self.engine)) if key else []
        if repeated:
            said = "; ".join(f"{say_key(key, row[2:])} ({row[1]} times)" for row in repeated)
            names = ", ".join(key)
            message = f"values of unique_key ({names}) that occur more than once: {repeated[0][0]}, such as {said}"
            raise self._error(message, "Keep one row of each, for example the latest by row_number().")

    def _found(self, setting: str, names: Sequence[str], columns: Columns, of: str | None = None) -> tuple[str, ...]:
        """The columns of that name, as the rows spell them, or the relation `of` does."""
        known = ColumnNames(column.name for column in columns)
        with self._explained_names(f"its {setting}: "):
            found = {name: known.find(name) for name in names}
        for name, column in found.items():
            if column is None:
                spelled = [c.name for c in columns]
                hint = nearest(name, spelled) or f"Its columns: {', '.join(spelled)}."
                owner = f"the columns of {of}" if of else "its columns"
                raise self._error(f"its {setting} {name!r} is not one of {owner}", hint)
        return tuple(column for column in found.values() if column is not None)

    @contextmanager
    def _explained_names(self, setting: str = "") -> Iterator[None]:
        try:
            yield
        except AmbiguousColumnError as error:
            raise self._error(f"{setting}{error.problem.message}", error.problem.hint or "") from error

    def _error(self, message: str, hint: str) -> IncrementError:
        return IncrementError(f"model {self.model.name!r}: {message}", where=self.model.config_location, hint=hint)
