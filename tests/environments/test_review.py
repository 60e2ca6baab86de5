"""A change in a git repository is built apart, checked, compared and reported; nothing of it stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fft_process import FFT
from git_repositories import commit
from run_helpers import called_fft, clean_environment
from two_environments import KINDS, Environments, environments, of_kind

from fft_core import open_warehouse
from fft_core.errors import RequestError
from fft_core.reports.review import PREFIX, Review, review
from fft_core.reports.review_text import review_markdown

MORE = {
    ".gitignore": "*.duckdb*\n.fastflowtransform/\n*.md\n",
    "models/history.ff.sql": """\
        {{ config(materialized='snapshot', unique_key='id', snapshot={'strategy': 'check', 'check_cols': 'all'}) }}
        select id, name from {{ ref('users') }}
        """,
    "project.yml": """\
        name: shop
        version: '1'
        tests:
          - {type: unique, table: users, column: id}
          - {type: not_null, table: counted, column: last, severity: warn}
        """,
    "tests/unit/users.yml": """\
        model: users
        cases:
          - name: names stay
            inputs: {raw_users: {rows: [{id: 1, name: ann}]}}
            expect: {rows: [{id: 1, name: ann}]}
        """,
}
SHOUTED = "select id, upper(name) as name from {{ ref('raw_users') }}"


@pytest.fixture(params=KINDS)
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Environments]:
    for made in of_kind(request, tmp_path):
        commit(made.root, MORE)
        made.build(env="prod")
        yield made


def reviewed(both: Environments) -> Review:
    return review(both.load(), "HEAD", "prod")


def scratch_schemas(both: Environments) -> list[str]:
    with open_warehouse(both.load()) as warehouse:
        rows = warehouse.engine.fetch("select schema_name from information_schema.schemata")
        return [name for (name,) in rows if name.startswith(PREFIX)]


def test_what_changed_is_built_apart_and_compared(both: Environments) -> None:
    before = both.state("prod")
    both.write({"models/users.ff.sql": SHOUTED})
    found = reviewed(both)
    assert found.changed == ("users",)
    assert {n.name: n.status for n in found.nodes} == dict.fromkeys(
        ("users", "loud", "counted", "louder", "ends"), "built"
    )
    assert found.left_out == ("history",)
    assert found.difference is not None
    assert {n.name: n.differ for n in found.difference.nodes or ()} == {
        "users": True, "loud": False, "counted": False, "louder": True, "ends": True,
    }  # fmt: skip
    assert [d.name for d in found.difference.definitions or ()] == ["users"]
    assert [(test.test.name, test.status) for test in found.unit_tests] == [("names stay", "fail")]
    assert found.has_failed is True
    text = review_markdown(found)
    assert "| users | changed | built | 3 | 1 of 1 passed |" in text
    assert "| 1 | name: ann → ANN |" in text
    assert "| users | names stay | fail |" in text
    assert scratch_schemas(both) == []
    assert not both.is_there("users")
    assert both.state("prod") == before


def test_without_a_change_nothing_is_built(both: Environments) -> None:
    found = reviewed(both)
    assert (found.nodes, found.changed, found.difference, found.has_failed) == ((), (), None, False)
    assert "No model or seed has changed." in review_markdown(found)


def test_a_failure_is_reported_and_leaves_nothing_behind(both: Environments) -> None:
    twice = "select id, name from {{ ref('raw_users') }} union all select 1, 'x'"
    both.write({"models/users.ff.sql": twice, "models/alone.ff.sql": "select * from nowhere_at_all"})
    found = reviewed(both)
    statuses = {n.name: n.status for n in found.nodes}
    assert (statuses["users"], statuses["loud"], statuses["alone"]) == ("blocked", "skipped", "failed")
    text = review_markdown(found)
    assert "❌" in text
    assert "| users | unique\\_id" in text or "| users | unique_id" in text
    assert "nowhere_at_all" in text
    assert scratch_schemas(both) == []


def test_an_environment_can_be_compared_with_itself(both: Environments) -> None:
    """A CI system with one profile: its schema is read, and the scratch schema lies beside it."""
    both.write({"models/ends.ff.sql": "select id from {{ ref('louder') }}"})
    before = [both.rows(name, "prod") for name in ("ends", "users")]
    found = review(both.load("prod"), "HEAD", "prod")
    assert {n.name: n.status for n in found.nodes} == {"ends": "built"}
    assert [both.rows(name, "prod") for name in ("ends", "users")] == before
    assert scratch_schemas(both) == []


NAMING = 'naming: {schema: "{{ schema or default_schema }}", alias: "{{ env }}_{{ name }}"}\n'


def test_nodes_with_schemas_of_their_own_are_built_apart_too(both: Environments) -> None:
    """Whatever `naming` says: a schema that is written would be the one that readers use."""
    own = f"{Path(both.profiles['dev'].get('db_schema', 'own')).name}_stg"
    both.write(
        {
            "project.yml": textwrap.dedent(MORE["project.yml"]) + NAMING,
            "models/louder.ff.sql": f"{{{{ config(schema={own!r}) }}}} select id, name from {{{{ ref('users') }}}}",
        }
    )
    try:
        both.build(env="prod")
        commit(both.root, {})
        before, place = both.rows("louder", "prod"), both.place("louder", "prod")
        assert place.schema == own
        both.write({"models/users.ff.sql": SHOUTED})
        found = reviewed(both)
        assert {n.name: n.status for n in found.nodes} == dict.fromkeys(
            ("users", "loud", "counted", "louder", "ends"), "built"
        )
        assert found.difference is not None
        (louder,) = (n for n in found.difference.nodes or () if n.name == "louder")
        assert (louder.differ, louder.there.schema, louder.there.name) == (True, place.schema, place.name)
        assert (louder.here.schema or "").startswith(PREFIX)
        assert scratch_schemas(both) == []
        assert both.rows("louder", "prod") == before
        assert not both.is_there("louder")
    finally:
        both.drop_schema("prod", own)


def test_a_node_in_another_catalog_is_refused_before_anything_is_built(tmp_path: Path) -> None:
    with environments("second file", tmp_path, None) as both:
        commit(both.root, MORE)
        both.build(env="prod")
        both.write({"models/ends.ff.sql": "{{ config(catalog='far') }} select id from {{ ref('louder') }}"})
        with pytest.raises(RequestError, match=r"these are in another catalog: ends \(far\."):
            reviewed(both)
        assert scratch_schemas(both) == []


def test_the_command_writes_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with environments("second file", tmp_path, None) as both:
        commit(both.root, MORE)
        root = str(both.root)
        assert called_fft(("review", "--since", "HEAD", root), monkeypatch, capfd).code == 2
        both.build(env="prod")
        both.write({"models/ends.ff.sql": "select id, name || '?' as name from {{ ref('louder') }}"})
        out = tmp_path / "told" / "report.md"
        done = called_fft(("review", "--since", "HEAD", "--defer", "prod", "--out", str(out), root), monkeypatch, capfd)
        assert (done.code, done.out) == (0, "")
        assert "| ends | changed | built | 3 |" in out.read_text()
        shown = called_fft(("review", "--since", "HEAD", "--defer", "prod", root), monkeypatch, capfd)
        assert (shown.code, "## ✅ Review of shop since HEAD" in shown.out) == (0, True)
        for wrong, code in ((("--since", "nothing"), 2), (("--since", "HEAD", "--tolerance", "x"), 2)):
            assert called_fft(("review", *wrong, "--defer", "prod", root), monkeypatch, capfd).code == code
        both.write({"models/ends.ff.sql": "select nothing from {{ ref('louder') }}"})
        failed = called_fft(("review", "--since", "HEAD", "--defer", "prod", root), monkeypatch, capfd)
        assert (failed.code, "Traceback" in failed.err) == (1, False)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(("kind", "number"), [("second schema", signal.SIGINT), ("postgres", signal.SIGTERM)])
def test_an_interrupted_review_drops_its_schema(
    kind: str, number: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    dsn = request.getfixturevalue("postgres_dsn") if kind == "postgres" else None
    with environments(kind, tmp_path / "project", dsn) as both:
        commit(both.root, MORE)
        both.build(env="prod")
        mark = tmp_path / "begun"
        slow = "import pathlib, time\nfrom fft_core import model\nimport pandas as pd\n\n\n@model(deps=['users'])\n"
        body = f"    pathlib.Path({str(mark)!r}).touch()\n    time.sleep(60)\n    return users\n"
        both.write({"models/slow.ff.py": f"{slow}def slow(users: pd.DataFrame) -> pd.DataFrame:\n{body}"})
        process = subprocess.Popen(
            [str(FFT), "review", "--since", "HEAD", "--defer", "prod", str(both.root)],
            env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + 60
            while not mark.exists() and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
            assert mark.exists()
            os.kill(process.pid, number)
            _, err = process.communicate(timeout=30)
        finally:
            process.kill()
        assert process.returncode == 130, err
        assert scratch_schemas(both) == []
