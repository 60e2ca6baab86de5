"""A run in plain Python: each thing once, however many models there are; its order; what a part of it shares."""

from __future__ import annotations

import logging
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fft_core import FftError, Request, ReuseResult, Run, load_project

PROFILE = "dev: {engine: duckdb, duckdb: {path: dev.duckdb}}\n"


def project_of(root: Path, models: int) -> Path:
    files = {
        "project.yml": "name: many\nversion: '1'\n",
        "profiles.yml": PROFILE,
        "seeds/raw.csv": "id\n1\n2\n",
        "models/schema.yml": "version: 2\nmodels:\n"
        + "".join(f"  - {{name: m{i:03}, columns: [{{name: id, tests: [not_null]}}]}}\n" for i in range(models)),
    }
    files |= {f"models/m{i:03}.ff.sql": f"select id, {i} as n from {{{{ ref('raw') }}}}" for i in range(models)}
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def statements_of(root: Path, caplog: pytest.LogCaptureFixture) -> Counter[str]:
    """Build a project in a loop; return how many statements were run for each node, and for none ("")."""
    caplog.clear()
    with caplog.at_level(logging.DEBUG, "fft.sql"), Run(load_project(root)) as run:
        for node in run.order():
            run.build(node)
    return Counter(record.__dict__["node"] for record in caplog.records if record.name == "fft.sql")


def test_a_loop_runs_as_many_statements_for_each_of_many_models_as_for_each_of_a_few(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    few = statements_of(project_of(tmp_path / "few", 3), caplog)
    many = statements_of(project_of(tmp_path / "many", 24), caplog)
    per_model = {count for found in (few, many) for name, count in found.items() if name.startswith("m")}
    assert len(per_model) == 1, (few, many)
    assert (many["raw"], many[""]) == (few["raw"], few[""])


def test_a_run_builds_what_must_be_and_leaves_the_rest_with_reasons(tmp_path: Path) -> None:
    root = project_of(tmp_path, 2)
    with Run(load_project(root)) as run:
        assert [node.name for node in run.order()] == ["raw", "m000", "m001"]
        assert {run.build(node).decision.action for node in run.order()} == {"build"}
        assert not run.plan().builds
        assert all(isinstance(run.build(node), ReuseResult) for node in run.order())
    (root / "models/m001.ff.sql").write_text("select id, 7 as n from {{ ref('raw') }}")
    with Run(load_project(root)) as run:
        assert {d.name: [r.kind for r in d.reasons] for d in run.plan().builds} == {"m001": ["code_changed"]}


def test_nodes_limit_a_run_and_a_request_is_kept_by_a_part_of_it(tmp_path: Path) -> None:
    with Run(load_project(project_of(tmp_path, 3)), Request(rebuild=("m00*",))) as run:
        for node in run.order():
            run.build(node)
        part = run.limited({"m001"})
        assert [node.name for node in part.order()] == ["m001"]
        assert [d.name for d in part.plan().decisions] == ["m001"]
        result = part.build(run.project.node("m001"))
        assert [reason.kind for reason in result.decision.reasons] == ["requested"]
        assert part.identities is run.identities


def test_a_seed_that_is_edited_while_a_run_lasts_is_recorded_as_it_was_loaded(tmp_path: Path) -> None:
    root = project_of(tmp_path, 1)
    with Run(load_project(root)) as run:
        assert {decision.name for decision in run.plan().builds} == {"raw", "m000"}
        (root / "seeds/raw.csv").write_text("id\n1\n2\n3\n")
        assert [run.build(node).row_count for node in run.order()] == [3, 3]
    (root / "seeds/raw.csv").write_text("id\n1\n2\n")
    with Run(load_project(root)) as run:
        assert {decision.name for decision in run.plan().builds} == {"raw", "m000"}


def test_threads_share_a_run(tmp_path: Path) -> None:
    with Run(load_project(project_of(tmp_path, 12))) as run:
        nodes = run.order()
        with ThreadPoolExecutor(8) as threads:
            rebuilders = set(threads.map(lambda _: id(run.rebuilder), range(32)))
            run.build(nodes[0])
            actions = list(threads.map(lambda node: run.build(node).decision.action, nodes[1:]))
        assert (len(rebuilders), actions) == (1, ["build"] * 12)
    with Run(load_project(tmp_path)) as run:
        assert not run.plan().builds


def test_checks_run_without_building(tmp_path: Path) -> None:
    with Run(load_project(project_of(tmp_path, 1))) as run:
        with pytest.raises(FftError, match="nothing to check"):
            run.check("m000")
        for node in run.order():
            run.build(node)
        assert [str(result) for result in run.check("m000")] == ["not_null_id: passed"]


def test_tables_below_a_checked_view_come_in_an_order_in_which_it_can_be_judged(tmp_path: Path) -> None:
    project_of(tmp_path, 0)
    view = "{{ config(materialized='view') }} select id from {{ ref('b') }} union all select id from {{ ref('a') }}"
    (tmp_path / "models/a.ff.sql").write_text("select id from {{ ref('deep') }}")
    (tmp_path / "models/b.ff.sql").write_text("select 1 as id")
    (tmp_path / "models/deep.ff.sql").write_text("select 2 as id")
    (tmp_path / "models/both.ff.sql").write_text(view)
    (tmp_path / "models/schema.yml").write_text(
        "version: 2\nmodels: [{name: both, columns: [{name: id, tests: [unique]}]}]\n"
    )
    with Run(load_project(tmp_path)) as run:
        names = [node.name for node in run.order()]
        last = run.live_views.over("a")[0].last
        assert last is not None
        assert all(names.index(first) < names.index(last) for first in run.live_views.goes_after(last))
        assert names.index("deep") < names.index("a") < names.index("both")
