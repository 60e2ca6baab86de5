"""SQL that the rules of checks share: the names of columns, and three forms of queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fft_core.checks.query import CheckQuery
from fft_core.engines.protocol import ColumnType, Session
from fft_core.engines.spec.spelling import Spelling
from fft_core.errors import FftError, nearest
from fft_core.names import Relation
from fft_core.names.columns import AmbiguousColumnError, ColumnNames
from fft_core.names.unused import unused
from fft_core.project.model import Check


@dataclass(frozen=True)
class Spelled:
    """A check on a relation with its columns; `owner` is the name of the relation in messages, if not the node."""

    check: Check
    relation: Relation
    columns: Sequence[ColumnType]
    engine: Session
    owner: str = ""

    @property
    def spelling(self) -> Spelling:
        """The spelling of its engine."""
        return self.engine.spelling

    def name(self, column: str) -> str:
        """Return a column in quotes. Raises FftError if it does not exist."""
        return self.spelling.quoted(self.found(column).name)

    def comparable(self, column: str, alias: str = "") -> str:
        """Return the value of a column in a form that can be compared. Raises FftError if it does not exist."""
        found = self.found(column)
        return self.engine.types.comparable(alias + self.spelling.quoted(found.name), found.type)

    def found(self, column: str) -> ColumnType:
        """Find a column by its name in any case. Raises FftError if it does not exist."""
        columns = {known.name: known for known in self.columns}
        said, where = f"check {self.check.name} names the column {column!r}", self.check.location
        try:
            found = ColumnNames(columns).find(column)
        except AmbiguousColumnError as error:
            raise FftError(
                f"{said}: {error.problem.message}", where=where, hint=error.problem.hint, code="FFT-502"
            ) from error
        if found is None:
            hint = nearest(column, columns) or f"Its columns: {', '.join(columns)}."
            raise FftError(
                f"{said}, which {self.owner or self.check.node} does not have", where=where, hint=hint, code="FFT-502"
            )
        return columns[found]

    def unused(self, name: str) -> str:
        """Return a name that no column has."""
        return unused(name, (column.name for column in self.columns))

    @property
    def table(self) -> str:
        """The relation."""
        return self.relation.sql(self.spelling)

    @property
    def where(self) -> str:
        """The condition on the rows to judge, if there is one."""
        return f"({self.check.where}\n)"  # the user's text may end in a comment

    @property
    def rows(self) -> str:
        """The rows to judge, as SQL that follows FROM."""
        return f"{self.table} where {self.where}" if self.check.where else self.table

    @property
    def filtered(self) -> str:
        """The rows to judge, as SQL that can have an alias."""
        return f"(select * from {self.rows})" if self.check.where else self.table

    def of_judged(self, value: str) -> str:
        """Return a value that is NULL in rows that are not judged."""
        return f"case when {self.where} then {value} end" if self.check.where else value

    def by_row(self, offends: str) -> CheckQuery:
        """Return the queries of a rule about single rows."""
        condition = f"{self.where} and ({offends})" if self.check.where else offends
        count = f"count(case when {condition} then 1 end)"
        return CheckQuery(self.check, count, f"select * from {self.table} where {condition}")

    def by_totals(
        self,
        totals: Mapping[str, tuple[str, str]],
        offends: Callable[..., str],
        measure: str | None = None,
        shows: str | None = None,
    ) -> CheckQuery:
        """Return the queries of a rule about totals.

        Args:
            totals: The totals by their names in the rows that are shown: an aggregate with {} for its value, and the
                value.
            offends: Returns the condition that breaks the rule, from the SQL of each total.
            measure: The aggregate to keep for the next build, with the totals in braces.
            shows: The column whose values the totals show.
        """
        shared = {name: total.format(self.of_judged(value)) for name, (total, value) in totals.items()}
        selected = ", ".join(f"{total.format(value)} as {name}" for name, (total, value) in totals.items())
        count = f"case when {offends(*shared.values())} then 1 else 0 end"
        found = f"select * from (select {selected} from {self.rows}) as _ff_total where {offends(*totals)}"
        kept = measure.format(**shared) if measure else None
        made_of = dict.fromkeys(totals, shows) if shows else {}
        return CheckQuery(self.check, count, found, measure=kept, made_of=made_of)

    def by_group(
        self, key: Sequence[str], total: str, value: str, offends: Callable[[str], str], shows: str | None = None
    ) -> CheckQuery:
        """Return the queries of a rule about a total of each group of rows: the alias `total`, computed by `value`."""
        names = ", ".join(f"{self.comparable(column)} as {self.name(column)}" for column in key)
        positions, called = ", ".join(str(position) for position in range(1, len(key) + 1)), self.unused(total)
        groups = f"select {names}, {value} as {called} from {self.rows} group by {positions}"
        failing = f"count(case when {offends(called)} then 1 end)"
        counted = f"select {failing} as failing, count(*) as total from ({groups}) as _ff_groups"
        made_of = {called: shows} if shows else {}
        return CheckQuery(self.check, None, f"{groups} having {offends(value)}", counted=counted, made_of=made_of)
