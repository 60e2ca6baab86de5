"""A build that ends after any of its statements: readers see old rows or new ones, and the next build heals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from autocommit_installed import autocommit_installed
from skip_helpers import Place, place
from sweeps import FACTOR, FIRST_SEED
from targets import Target
from world import run

from fft_core import Warehouse, load_project, open_warehouse
from fft_core.engines.protocol import Session, Stats
from fft_core.errors import EngineError

NEWER = "{% if is_incremental() %} where version > (select max(version) from {{ this }}){% endif %}"
FILES = {
    "seeds/schema.yml": "columns:\n  start: {id: integer, version: integer}\n",
    "models/plain.ff.sql": "select id, version from {{ ref('start') }}",
    "models/seen.ff.sql": "{{ config(materialized='view') }}\nselect id, version from {{ ref('plain') }}",
    "models/of_python.ff.py": """\
        from fft_core import model

        @model(name="of_python", deps=["plain"], materialized="view")
        def build(plain):
            return plain
        """,
    "models/merged.ff.sql": "{{ config(materialized='incremental', unique_key='id') }}\n"
    "select id, version from {{ ref('plain') }}",
    "models/added.ff.sql": "{{ config(materialized='incremental', strategy='append') }}\n"
    f"select id, version from {{{{ ref('plain') }}}}{NEWER}",
    "models/history.ff.sql": "{{ config(materialized='snapshot', unique_key='id', "
    "snapshot={'strategy': 'check', 'check_cols': 'all'}) }}\nselect id, version from {{ ref('plain') }}",
}
NAMES = ("start", "plain", "seen", "of_python", "merged", "added", "history")
STEP = 11 if FACTOR == 1 else 1  # all of them take minutes
Rows = list[tuple[object, ...]]


class EndedError(EngineError):
    """The process has ended: nothing of it runs any more, not even what would clean up."""


class Ending:
    """Lets statements of a session run until some have changed something, and none after that."""

    def __init__(self, engine: Session, statements: int) -> None:
        self._execute = engine.execute
        self.left = statements
        engine.execute = self.execute  # type: ignore[method-assign]

    @property
    def has_ended(self) -> bool:
        return self.left < 0

    def execute(self, sql: str) -> Stats:
        self.left -= 1
        if self.has_ended:
            raise EndedError("ended")
        return self._execute(sql)


@pytest.fixture(params=["duckdb", "postgres", "autocommit"])
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    if request.param == "duckdb":
        yield Target()
        return
    with autocommit_installed():
        yield Target(request.getfixturevalue("postgres_dsn"), request.param)


def write(made: Place, version: int) -> None:
    rows = "".join(f"{id},{version}\n" for id in range(version, version + 2))  # one is new, one is gone
    made.write({**FILES, "seeds/start.csv": f"id,version\n{rows}"})


def seen(made: Place) -> Mapping[str, Rows]:
    """The rows of each relation, as a reader sees them."""
    with opened(made) as warehouse:
        fetch = warehouse.engine.fetch
        return {name: sorted(fetch(f"select id, version from {name}")) for name in NAMES}


@contextmanager
def opened(made: Place) -> Iterator[Warehouse]:
    with open_warehouse(load_project(made.root, "dev", environment={})) as warehouse:
        yield warehouse


def end_after_statements(made: Place, step: int, *, exactly_once: bool) -> int:
    """End builds after every `step`-th statement, from the seed on; check what each leaves, and the build after it.

    Returns the number of statements after which a build was not ended any more. With `exactly_once`, kept rows are
    applied once, wherever the build ended.
    """
    write(made, 1)
    assert not made.build().failed
    number, version, has_ended = FIRST_SEED % step, 1, True
    while has_ended:
        version, old = version + 1, seen(made)
        write(made, version)
        with opened(made) as warehouse:
            ending = Ending(warehouse.engine, number)
            run(warehouse)
            has_ended = ending.has_ended
        left = seen(made)
        assert not made.build().failed
        assert not made.due()
        new = seen(made)
        rows: Rows = [(version, version), (version + 1, version)]
        assert all(new[name] == rows for name in ("start", "plain", "seen", "of_python"))
        applied = {name: sorted([*old[name], *rows]) for name in ("added", "history")}
        applied["merged"] = sorted([row for row in old["merged"] if row[0] not in (version, version + 1)] + rows)
        for name in NAMES:
            assert left[name] in (old[name], applied.get(name, rows)), f"{name} after {number} statements"
        for name, wanted in applied.items() if exactly_once else ():
            assert new[name] == wanted, f"{name} after {number} statements"
        number += step
    return number


def test_a_build_may_end_after_each_of_its_statements(tmp_path: Path, target: Target) -> None:
    with target.profile(str(tmp_path / "db.duckdb")) as profile:
        made = place(tmp_path / "project", {"profiles.yml": profile})
        assert end_after_statements(made, STEP, exactly_once=False) > len(NAMES)
