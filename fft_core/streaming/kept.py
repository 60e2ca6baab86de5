"""Finds the new events: of several with one key, time and id, one is kept, the same one in any order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fft_core.engines.spec.spelling import Spelling
from fft_core.names import Relation
from fft_core.streaming.sessions import Range
from fft_core.streaming.settings import SessionSettings
from fft_core.streaming.source import BYTES, ERROR, OFFSET, PARTITION
from fft_core.streaming.tables import OWN

_OTHER = "another event of this key, time and id is stored already"


@dataclass(frozen=True)
class KeptStatements:
    """The SQL that finds repeated events; the identity of an event is its key, time and id.

    Attributes:
        settings: The settings of the sessions.
        columns: The columns of the events, as stored.
        spelling: The spelling of the engine.
    """

    settings: SessionSettings
    columns: Sequence[str]
    spelling: Spelling

    def ranked(self, given: Relation) -> str:
        """Render the given events with a digest of each, and its rank among those with its identity."""
        partition = ", ".join(self._identity())
        order = f"_ff_digest, {self._q(PARTITION)}, {self._q(OFFSET)}"
        return (
            f"select *, row_number() over (partition by {partition} order by {order}) as _ff_rank, "
            f"first_value(_ff_digest) over (partition by {partition} order by {order}) as _ff_first\n"
            f"from (select *, {self._digest()} as _ff_digest from {given.sql(self.spelling)}) as _ff_g"
        )

    def met(self, events: Relation, ranked: Relation, ranges: Sequence[Range]) -> str:
        """Render the kept events that have the identity of a given one, with the digests of both."""
        time, own = self._q(self.settings.event_time), ", ".join(f"_ff_k.{name}" for name in self._identity())
        same = " and ".join(f"_ff_g.{name} = _ff_k.{name}" for name in self._identity())
        literal = self.spelling.timestamp
        parts = (
            f"select {own}, _ff_g._ff_digest as _ff_given, _ff_k._ff_digest as _ff_kept from "
            f"(select *, {self._digest()} as _ff_digest from {events.sql(self.spelling)} "
            f"where {time} >= {literal(low)} and {time} <= {literal(high)}) as _ff_k "
            f"join {ranked.sql(self.spelling)} as _ff_g on _ff_g._ff_rank = 1 and {same}"
            for low, high in ranges
        )
        return "\nunion all\n".join(parts)

    def repeated(self, ranked: Relation, met: Relation) -> str:
        """Render a query for the number of given events whose identity occurred before."""
        given = f"select count(*) from {ranked.sql(self.spelling)} where _ff_rank > 1"
        return f"select ({given}) + (select count(*) from {met.sql(self.spelling)})"

    def new(self, ranked: Relation, met: Relation) -> str:
        """Render the given events to keep: those without a kept event of their identity, and those that replace it."""
        names = ", ".join(self._q(name) for name in self.columns)
        known = (
            f"exists (select 1 from {met.sql(self.spelling)} as _ff_m where {self._same()} and _ff_given >= _ff_kept)"
        )
        return f"select {names} from {ranked.sql(self.spelling)} as _ff_g where _ff_rank = 1 and not {known}"

    def refused(self, ranked: Relation, met: Relation) -> str:
        """Render the given events in whose place another one is kept, as bad records without bytes."""
        is_other = "_ff_rank > 1 and _ff_digest <> _ff_first"
        known = (
            f"exists (select 1 from {met.sql(self.spelling)} as _ff_m where {self._same()} and _ff_given > _ff_kept)"
        )
        return self._dead(f"{ranked.sql(self.spelling)} as _ff_g", f"({is_other}) or (_ff_rank = 1 and {known})")

    def replaced(self, events: Relation, met: Relation, ranges: Sequence[Range]) -> str:
        """Render the kept events that are replaced, as bad records without bytes."""
        return self._dead(f"{events.sql(self.spelling)} as _ff_g", self._is_replaced(met, "_ff_g.", ranges))

    def removed(self, events: Relation, met: Relation, ranges: Sequence[Range]) -> str:
        """Render the statement that deletes the kept events that are replaced."""
        table = events.sql(self.spelling)
        return self.spelling.delete(events, self._is_replaced(met, f"{table}.", ranges))

    def _is_replaced(self, met: Relation, of: str, ranges: Sequence[Range]) -> str:
        time, literal = f"{of}{self._q(self.settings.event_time)}", self.spelling.timestamp
        inside = " or ".join(f"({time} >= {literal(low)} and {time} <= {literal(high)})" for low, high in ranges)
        same = " and ".join(f"_ff_m.{name} = {of}{name}" for name in self._identity())
        known = f"select 1 from {met.sql(self.spelling)} as _ff_m where {same} and _ff_given < _ff_kept"
        return f"({inside}) and exists ({known})"

    def _dead(self, rows: str, where: str) -> str:
        said = self.spelling.text(_OTHER)
        return (
            f"select _ff_g.{PARTITION}, _ff_g.{OFFSET}, {said} as {ERROR}, {self._as_text()} as {BYTES} "
            f"from {rows} where {where}"
        )

    def _as_text(self) -> str:
        names = [name for name in self.columns if name not in OWN]
        texts = [
            f"concat({self.spelling.text(name + '=')}, {self.spelling.cast(f'_ff_g.{self._q(name)}', 'text')})"
            for name in names
        ]
        return self.spelling.joined(texts)

    def _digest(self) -> str:
        """Render the digest of an event's content, in which NULL differs from the empty text."""
        names = [self._q(name) for name in self.columns if name not in OWN]
        text = self.spelling.cast
        return self.spelling.hashed(
            [f"case when {n} is null then '' else concat('=', {text(n, 'text')}) end" for n in names]
        )

    def _identity(self) -> list[str]:
        assert self.settings.event_id is not None  # only events with an id are compared
        names = (*self.settings.key, self.settings.event_time, self.settings.event_id)
        return list(dict.fromkeys(map(self._q, names)))

    def _same(self) -> str:
        return " and ".join(f"_ff_m.{name} = _ff_g.{name}" for name in self._identity())

    def _q(self, name: str) -> str:
        return self.spelling.quoted(name)
