"""SIGKILL at any moment of an increment leaves the old rows or the new ones; two commands at once double nothing."""

from __future__ import annotations

import random
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fft_process import start_process
from skip_helpers import Place, place
from sweeps import examples
from targets import Target
from test_killed import seconds_of_a_build, start, wait_for

ROWS = 40_000
MODELS = {
    "merged": "materialized='incremental', unique_key='i'",
    "added": "materialized='incremental', strategy='append'",
    "history": "materialized='snapshot', unique_key='i', snapshot={'strategy': 'check', 'check_cols': 'all'}",
}
IF_NEWER = "{% if is_incremental() %} where version > (select max(version) from {{ this }}) {% endif %}"
OLD, NEW, BOTH = [(1, ROWS)], [(2, ROWS)], [(1, ROWS), (2, ROWS)]


@dataclass(frozen=True)
class Chain:
    """A project whose rows all depend on a version, so that each model's increment changes or adds all of them."""

    place: Place

    def write(self, version: int) -> None:
        query = f"select i, s.version from generate_series(1, {ROWS}) as r(i), {{{{ ref('start') }}}} as s"
        models = {
            f"models/{name}.ff.sql": f"{{{{ config({config}) }}}}\n{query}{IF_NEWER if name == 'added' else ''}\n"
            for name, config in MODELS.items()
        }
        self.place.write({**models, "seeds/start.csv": f"version\n{version}\n"})

    def versions(self, table: str) -> list[tuple[object, ...]]:
        return self.place.sql(f"select version, count(*) from {table} group by version order by version")

    def tables(self) -> set[str]:
        with self.place.opened() as warehouse:
            schema = warehouse.relation("any").schema
        query = f"select table_name from information_schema.tables where table_schema = '{schema}'"
        return {str(name) for (name,) in self.place.sql(query)}


@pytest.fixture
def chain(tmp_path: Path, target: Target) -> Iterator[Chain]:
    with target.profile(str(tmp_path / "db.duckdb")) as profile:
        yield Chain(place(tmp_path / "project", {"profiles.yml": profile}))


def killed_in_an_increment(chain: Chain, attempt: int) -> None:
    """Kill the build of the second version at some moment: each model has the old rows, or all new ones as well."""
    root = chain.place.root
    chain.write(1)
    seconds = seconds_of_a_build(root)
    chain.write(2)
    process = start(root)
    wait_for(process, ["begin"])
    time.sleep(random.Random(attempt).uniform(0, seconds * 1.5))
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert chain.versions("merged") in (OLD, NEW)
    assert chain.versions("added") in (OLD, BOTH)
    assert chain.versions("history") in (OLD, BOTH)


@pytest.mark.parametrize("attempt", range(examples(2, 15)))
def test_a_killed_increment_is_done_wholly_or_not_at_all(chain: Chain, attempt: int) -> None:
    killed_in_an_increment(chain, attempt)
    assert not chain.place.build().failed
    assert [chain.versions(name) for name in MODELS] == [NEW, BOTH, BOTH]
    assert chain.place.sql("select count(*) from history where _ff_is_current and version = 2") == [(ROWS,)]
    assert chain.tables() == {"start", *MODELS, "_ff_meta", "_ff_migrations"}


def test_two_commands_at_once_apply_a_delta_once(chain: Chain) -> None:
    chain.write(1)
    assert not chain.place.build().failed
    chain.write(2)
    command = (sys.executable, "-m", "fft_cli", "build", chain.place.root)
    started = [start_process(*command) for _ in range(2)]
    ended = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0, 0], ended
    assert not chain.place.due()
    for table in ("added", "history"):
        assert chain.versions(table) == [(1, ROWS), (2, ROWS)]
