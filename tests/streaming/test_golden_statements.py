"""The statements of sessions, as they are rendered for each dialect: a change of one is seen in its golden file.

`FFT_WRITE_GOLDEN=1 pytest tests/streaming/test_golden_statements.py` writes them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from fft_core.engines.spec.registry import spec_of
from fft_core.engines.spec.spelling import Spelling
from fft_core.names import Relation
from fft_core.streaming.kept import KeptStatements
from fft_core.streaming.measures import spelled_measures
from fft_core.streaming.sessions import SessionStatements
from fft_core.streaming.settings import SessionSettings

GOLDEN = Path(__file__).parent / "golden"
COLUMNS = ("user_id", "Site", "ts", "event_id", "page", "amount", "_ff_partition", "_ff_offset", "_ff_received_at")
SESSIONS, EVENTS = Relation("visits", "main"), Relation("visits__events", "main")
NOON, LATER = datetime(2026, 1, 1, 12), datetime(2026, 1, 2)


def statements(spelling: Spelling) -> Iterator[tuple[str, str]]:
    given = {"views": "count(*)", "revenue": "sum(amount)", "entry": "first(page)", "mean": "avg(amount) / 2"}
    settings = SessionSettings(("user_id", "Site"), "ts", timedelta(minutes=30), "event_id", given)
    plain = SessionStatements(settings, {}, spelling)
    made = SessionStatements(settings, spelled_measures(given, COLUMNS, plain.order, spelling), spelling)
    kept, ranges = KeptStatements(settings, COLUMNS, spelling), ((NOON, LATER),)
    new, touched, ranked, met = (Relation(name) for name in ("_ff_new", "_ff_touched", "_ff_ranked", "_ff_met"))
    yield "all sessions", made.all_sessions(EVENTS, LATER)
    yield "all sessions before the first event", made.all_sessions(EVENTS, None)
    yield "touched", made.touched(SESSIONS, new, (*ranges, (LATER, LATER)))
    yield "again", made.again(EVENTS, new, touched, ranges, LATER)
    yield "removed", "\n".join(made.removed(SESSIONS, touched, ranges))
    yield "closed", "\n".join(made.closed(SESSIONS, NOON, LATER))
    yield "ranked", kept.ranked(Relation("_ff_given"))
    yield "met", kept.met(EVENTS, ranked, ranges)
    yield "repeated", kept.repeated(ranked, met)
    yield "new", kept.new(ranked, met)
    yield "refused", kept.refused(ranked, met)
    yield "replaced", kept.replaced(EVENTS, met, ranges)
    yield "deleted", kept.removed(EVENTS, met, ranges)


@pytest.mark.parametrize("engine", ["duckdb", "postgres"])
def test_statements(engine: str) -> None:
    said = "".join(f"-- {name}\n{sql};\n\n" for name, sql in statements(spec_of(engine).spelling))
    path = GOLDEN / f"{engine}.sql"
    if os.environ.get("FFT_WRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(said)
    assert path.read_text() == said
