"""What a run remembers is frozen: threads read it while others publish."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from skip_helpers import CSV, place
from targets import Target

from fft_core import Request, load_project, open_warehouse
from fft_core.compile.identity import Identities
from fft_core.plan.records import Published
from fft_core.run.memory import OutdatedError
from fft_core.run.rebuilder import Rebuilder
from fft_core.run.turn import build_or_reuse, build_seed
from fft_core.warehouse.records import read_records

PATIENCE_SECONDS = 60


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hasty_threads")
def test_a_thread_looks_for_other_runs_while_others_publish(tmp_path: Path, postgres_dsn: str) -> None:
    """The engine must be one that others may write to at the same time: only there is looked again."""
    (tmp_path / "models").mkdir()
    (tmp_path / "project.yml").write_text("name: frozen\nversion: '1'\n")
    (tmp_path / "models" / "a.ff.sql").write_text("select 1 as id")
    with Target(postgres_dsn).profile() as profile:
        (tmp_path / "profiles.yml").write_text(profile)
        project = load_project(tmp_path, environment={})
        with open_warehouse(project) as warehouse:
            rebuilder = Rebuilder(project, Identities(project, warehouse.compiler), Request())
            build_or_reuse(warehouse, rebuilder, project.model("a"))
            record = read_records(warehouse.engine)["a"]
            for number in range(2000):  # as in a project of many models
                rebuilder.note(replace(record, node=f"there_{number}"), Published("table", "stamp", 1))
            look, is_over = rebuilder.memory.look(warehouse), threading.Event()
            decision = rebuilder.decide(warehouse, project.model("a"), look)

            def publish() -> None:
                number = 0
                while not is_over.is_set():
                    number += 1
                    rebuilder.note(replace(record, node=f"new_{number}"), Published("table", "stamp", 1))

            thread = threading.Thread(target=publish)
            thread.start()
            try:
                for _ in range(300):
                    rebuilder.refuse_outdated(warehouse, decision, look)
            finally:
                is_over.set()
                thread.join(PATIENCE_SECONDS)


def test_a_decision_by_an_earlier_look_is_refused_though_another_thread_has_looked_again(tmp_path: Path) -> None:
    """The look and what it remembers are one value: no `forget` in between can make an old decision look fresh."""
    made = place(tmp_path, {"seeds/users.csv": CSV, "models/m.ff.sql": "select id from {{ ref('users') }}"})
    assert not made.build().failed
    with made.opened() as warehouse:
        project = warehouse.project
        rebuilder = Rebuilder(project, Identities(project, warehouse.compiler), Request(rebuild=("m",)))
        look = rebuilder.memory.look(warehouse)
        version = look.remembered.records["users"].data_version
        build_seed(warehouse, project.seeds["users"])  # as another run may
        rebuilder.memory.forget()  # as another thread of this run does that has noticed it
        later = rebuilder.memory.look(warehouse)
        decision = rebuilder.decide(warehouse, project.model("m"), look)
        assert decision.inputs == {"users": version}
        with pytest.raises(OutdatedError, match="another run has built users"):
            rebuilder.refuse_outdated(warehouse, decision, look)
        rebuilder.refuse_outdated(warehouse, rebuilder.decide(warehouse, project.model("m"), later), later)


def test_threads_do_not_outdate_the_looks_of_each_other(tmp_path: Path) -> None:
    """Only what a decision depends on makes it outdated, and only the last look is forgotten: else none would build."""
    files = {"seeds/users.csv": CSV, "models/m.ff.sql": "select id from {{ ref('users') }}"}
    made = place(tmp_path, {**files, "models/other.ff.sql": "select 1 as id"})
    assert not made.build().failed
    with made.opened() as warehouse:
        project = warehouse.project
        rebuilder = Rebuilder(project, Identities(project, warehouse.compiler), Request(rebuild=("other",)))
        look = rebuilder.memory.look(warehouse)
        decision = rebuilder.decide(warehouse, project.model("other"), look)
        build_seed(warehouse, project.seeds["users"])  # as another run may
        rebuilder.memory.forget(look)  # as the thread does that builds `m`
        rebuilder.refuse_outdated(warehouse, decision, look)
        later = rebuilder.memory.look(warehouse)
        rebuilder.memory.forget(look)  # as a slower thread does
        assert rebuilder.memory.look(warehouse) is later
        rebuilder.memory.forget(later)
        assert rebuilder.memory.look(warehouse) is not later


def test_an_outdated_look_knows_what_its_own_run_has_published_since(tmp_path: Path) -> None:
    files = {"seeds/users.csv": CSV, "models/m.ff.sql": "select id from {{ ref('users') }}"}
    made = place(tmp_path, files)
    with made.opened() as warehouse:
        project = warehouse.project
        rebuilder = Rebuilder(project, Identities(project, warehouse.compiler), Request())
        look = rebuilder.memory.look(warehouse)
        build_or_reuse(warehouse, rebuilder, project.seeds["users"])
        rebuilder.memory.forget(look)
        known = rebuilder.memory.again(look).remembered
        assert known.records["users"].stamp == read_records(warehouse.engine)["users"].stamp
        assert "users" in known.published


def test_a_look_knows_what_its_own_run_has_published_since(tmp_path: Path) -> None:
    made = place(tmp_path, {"seeds/users.csv": CSV, "models/m.ff.sql": "select id from {{ ref('users') }}"})
    with made.opened() as warehouse:
        project = warehouse.project
        rebuilder = Rebuilder(project, Identities(project, warehouse.compiler), Request())
        look = rebuilder.memory.look(warehouse)
        build_or_reuse(warehouse, rebuilder, project.seeds["users"])
        assert "users" not in look.remembered.records  # a value does not change
        assert "users" in rebuilder.memory.again(look).remembered.records
