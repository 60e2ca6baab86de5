"""A stream that is cloned goes on from the position and the events of the other environment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from two_environments import KINDS, Environments, of_kind

from fft_core import open_warehouse
from fft_core.build.stream_upkeep import stream_named, stream_status
from fft_core.operations.clone import clone

SOURCE = "kind: stream\nsource: {type: files, path: clicks/*.jsonl}\n"
APPEND = SOURCE + "sink: append\n"
SESSIONS = SOURCE + "key: user_id\nevent_time: ts\nevent_id: id\ngap: 30 minutes\nmeasures: {revenue: sum(amount)}\n"

CLICKS = '{"user_id": "a", "id": "a1", "ts": "2026-05-01T08:00:00Z", "amount": 1.5}\n'


@pytest.fixture(params=KINDS)
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Environments]:
    for made in of_kind(request, tmp_path):
        made.write({"models/visits.ff.yml": SESSIONS, "clicks/a.jsonl": CLICKS + '{"no": "event"}\n'})
        made.build("visits", env="prod")
        yield made


def cloned(both: Environments) -> str:
    with open_warehouse(both.load()) as warehouse:
        (done,) = clone(warehouse, "prod", frozenset({"visits"}))
        return done.outcome


def test_a_clone_goes_on_from_the_position_and_the_events_that_were_copied(both: Environments) -> None:
    (both.root / "clicks/a.jsonl").unlink()  # so that nothing can be read again
    assert cloned(both) == "copied"
    assert both.rows("visits") == both.rows("visits", "prod")
    later = CLICKS.replace("a1", "a2").replace("08:00", "08:10")
    both.write({"clicks/b.jsonl": later})
    both.build("visits", defer="")
    with open_warehouse(both.load()) as warehouse:
        engine = warehouse.engine
        events = warehouse.relation("visits").sql(engine.spelling)
        assert engine.fetch(f"select events from {events}") == [(2,)]
        state = stream_status(warehouse, stream_named(warehouse.project, "visits")).state
        assert state is not None
        assert (state.holder, dict(state.counts)["events"], dict(state.counts)["dead"]) == (None, 2, 1)


def test_a_clone_replaces_the_events_that_were_here(both: Environments) -> None:
    both.build("visits", defer="")
    both.write({"clicks/b.jsonl": CLICKS.replace("a1", "a3").replace("08:00", "18:00")})
    both.build("visits", env="prod")
    assert cloned(both) == "copied"
    assert both.rows("visits") == both.rows("visits", "prod")
    assert both.build("visits", defer="")["visits"] == "reuse"


def test_a_clone_of_a_table_goes_on_from_its_position(both: Environments) -> None:
    both.write({"models/visits.ff.yml": APPEND})
    both.build("visits", env="prod")
    before = both.rows("visits", "prod")
    assert cloned(both) == "copied"
    assert both.build("visits", defer="")["visits"] == "reuse"
    assert both.rows("visits") == before
