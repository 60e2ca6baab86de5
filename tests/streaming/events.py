"""Events of tests, and what sessions they are: told by one SQL statement of the tests' own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any, NamedTuple

import pyarrow as pa

from fft_core.engines.protocol import Row, Session
from fft_core.streaming import BatchResult, StreamSessionizer

BEGIN = datetime(2026, 3, 1, 8)
MEASURES = {"pageviews": "count(*)", "revenue": "sum(amount)", "entry": "first(page)", "left_at": "last(page)"}
_NUMBERS = count()


class Event(NamedTuple):
    """One event, some minutes after the begin."""

    user: str
    minute: float
    id: str
    page: str = "p"
    amount: float = 1.0

    @property
    def time(self) -> datetime:
        return BEGIN + timedelta(minutes=self.minute)


def frame(events: Sequence[Event]) -> pa.Table:
    return pa.table(
        {
            "user_id": pa.array([e.user for e in events], pa.string()),
            "ts": pa.array([e.time for e in events], pa.timestamp("us")),
            "event_id": pa.array([e.id for e in events], pa.string()),
            "page": pa.array([e.page for e in events], pa.string()),
            "amount": pa.array([e.amount for e in events], pa.float64()),
        }
    )


@dataclass
class Place:
    """An engine, with a stream of its own in it."""

    engine: Session
    name: str

    @classmethod
    def new(cls, engine: Session) -> Place:
        return cls(engine, f"s{next(_NUMBERS)}")

    def sessionizer(self, **more: Any) -> StreamSessionizer:
        given = {"key": "user_id", "event_time": "ts", "event_id": "event_id", "measures": MEASURES, **more}
        return StreamSessionizer(self, self.name, **given)

    def give(self, *batches: Sequence[Event], **more: Any) -> list[BatchResult]:
        sessionizer = self.sessionizer(**more)
        return [sessionizer.process_batch(frame(batch)) for batch in batches]

    def rows(self, what: str = "", columns: str = "*") -> list[Row]:
        table = self.engine.relation(self.name + what)
        if table not in self.engine.inspect([table]):
            return []
        return self.engine.fetch(f"select {columns} from {table.sql(self.engine.spelling)}")

    def sessions(self) -> list[Row]:
        """All sessions, without their ids."""
        columns = (
            "user_id, session_start, session_end, events, pageviews, revenue, entry, left_at, is_closed, closes_at"
        )
        return sorted(self.rows(columns=columns), key=str)

    def expected(self, events: Sequence[Event], gap_minutes: float = 30) -> list[Row]:
        """The sessions of these events: islands between gaps, found by one statement."""
        if not events:
            return []
        literal = self.engine.spelling.literal
        values = ", ".join(
            f"({literal(e.user)}, {literal(e.time)}, {literal(e.id)}, {literal(e.page)}, "
            f"cast({e.amount!r} as double precision))"
            for e in set(events)
        )
        gap = f"interval '{gap_minutes} minutes'"
        return sorted(
            self.engine.fetch(
                f"""
                with e(u, t, i, p, a) as (values {values}),
                marked as (
                    select *, lag(t) over (partition by u order by t, i) < t - {gap} as is_new from e
                ),
                numbered as (
                    select *, count(*) filter (where is_new) over (
                        partition by u order by t, i rows between unbounded preceding and current row
                    ) as n from marked
                )
                select u, min(t), max(t), count(*), count(*), sum(a order by t, i), min(p) filter (where f = 1),
                    min(p) filter (where l = 1), max(t) + {gap} < (select max(t) from e), max(t) + {gap}
                from (
                    select *, row_number() over (partition by u, n order by t, i) as f,
                        row_number() over (partition by u, n order by t desc, i desc) as l from numbered
                ) as r group by u, n
                """
            ),
            key=str,
        )
