"""Many models in threads, and two commands on one DuckDB file at once."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fft_process import start_process
from skip_helpers import CSV, place
from targets import Target

from fft_core import Request
from fft_core.build.publish import BuildResult
from fft_core.compile.identity import Identities
from fft_core.run.rebuilder import Rebuilder
from fft_core.run.turn import build_or_reuse

MODELS = 40


def wide(root: Path) -> dict[str, str]:
    models = {f"models/m{i}.ff.sql": f"select id, {i} as n from {{{{ ref('users') }}}}" for i in range(MODELS)}
    return {"seeds/users.csv": CSV, **models}


def test_threads_that_record_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    made = place(tmp_path, wide(tmp_path))
    for label in ("first", "second"):
        made.environment["FF_LABEL"] = label
        with made.opened() as warehouse:
            project = warehouse.project
            identities = Identities(project, warehouse.compiler)
            rebuilder = Rebuilder(project, identities, Request())

            def build(name: str) -> str:
                with warehouse.session() as session:
                    return build_or_reuse(session, rebuilder, project.node(name)).decision.action  # noqa: B023

            build("users")
            with ThreadPoolExecutor(8) as threads:
                actions = list(threads.map(build, project.models))
        assert set(actions) == {"build"}
        assert not made.due()
        assert made.sql("select count(*), count(distinct node_name) from _ff_meta") == [(MODELS + 1, MODELS + 1)]


def test_two_commands_on_one_file_both_succeed(tmp_path: Path) -> None:
    made = place(tmp_path, {**wide(tmp_path), "models/all.ff.sql": "select count(*) as n from {{ ref('m0') }}"})
    command = (sys.executable, "-m", "fft_cli", "build", made.root)
    started = [start_process(*command) for _ in range(2)]
    ended = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0, 0], ended
    assert not made.due()
    assert made.sql("select count(*), count(distinct node_name) from _ff_meta") == [(MODELS + 2, MODELS + 2)]


def test_two_runs_of_threads_that_rebuild_all_come_to_an_end(tmp_path: Path, postgres_dsn: str) -> None:
    """Each run finds builds of the other in the midst of its own, and its threads decide anew at once."""
    models = {f"models/m{i}.ff.sql": "select i as id from generate_series(1, 500) as t(i)" for i in range(12)}
    total = " union all ".join(f"select count(*) as n from {{{{ ref('m{i}') }}}}" for i in range(12))
    with Target(postgres_dsn).profile() as profile:
        made = place(tmp_path, {**models, "models/total.ff.sql": total, "profiles.yml": profile})
        command = (sys.executable, "-m", "fft_cli", "build", made.root, "--rebuild", "--jobs", "8")
        for _ in range(2):
            started = [start_process(*command) for _ in range(2)]
            ended = [process.communicate(timeout=60) for process in started]
            assert [process.returncode for process in started] == [0, 0], ended
        assert not made.due()


def test_threads_that_apply_deltas_at_once_do_not_mix_them(tmp_path: Path) -> None:
    config = "{{ config(materialized='incremental', unique_key='id') }}"
    models = {f"models/m{i}.ff.sql": f"{config} select id, {i} as n from {{{{ ref('users') }}}}" for i in range(12)}
    made = place(tmp_path, {"seeds/users.csv": CSV, **models})
    assert not made.build().failed
    made.write({"seeds/users.csv": f"{CSV}3,cam\n"})
    with made.opened() as warehouse:
        project = warehouse.project
        rebuilder = Rebuilder(project, Identities(project, warehouse.compiler), Request())

        def build(name: str) -> dict[str, int]:
            with warehouse.session() as session:
                result = build_or_reuse(session, rebuilder, project.node(name))
                assert isinstance(result, BuildResult)
                return dict(result.changes)

        build("users")
        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(build, project.models)) == [{"delta_rows": 3}] * 12
    assert not made.due()
    for index in range(12):
        assert made.sql(f"select count(*), min(n), max(n) from m{index}") == [(3, index, index)]
