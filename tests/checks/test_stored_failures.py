"""Failing rows are kept in tables, also of builds that are held back, until the next run or `fft clean --failures`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest
from fft_process import run_process
from targets import Target
from written_projects import Files, Shop, loaded, opened

from fft_core import CheckFailedError
from fft_core.build.publish import publish_frame
from fft_core.checks.failures import MOST_ROWS, failures_name, is_of_project
from fft_core.checks.results import CheckResult
from fft_core.errors import Location
from fft_core.operations.failures import find_failures, remove_failures
from fft_core.operations.orphans import find_orphans
from fft_core.project.model import Check, NotNull
from fft_core.run.turn import check_node

SHOP: Files = {
    "models/users.ff.sql": "select 1 as id, 'a@x.org' as email union all select 2, 'b@x.org' union all select 2, null",
    "models/best.ff.sql": "{{ config(materialized='view') }} select id, email from {{ ref('users') }}",
    "models/schema.yml": "version: 2\nmodels:\n  - {name: users, columns: [{name: email, tags: [pii]}]}\n",
}


def project(*tests: str) -> str:
    return "name: shop\nversion: '1'\ntests:\n" + "".join(f"  - {{{test}}}\n" for test in tests)


@contextmanager
def checked(folder: Path, target: Target, files: Files) -> Iterator[Shop]:
    with target.profile() as profile, opened(folder, {**files, "profiles.yml": profile}) as shop:
        yield shop


def kept(shop: Shop, result: CheckResult) -> list[tuple[object, ...]]:
    """Read the table of a check, as a user would."""
    assert result.failures is not None
    place = shop.warehouse.engine.relation(failures_name("shop", result.check))
    assert result.failures == str(place)
    return sorted(shop.rows(f"select * from {place.sql(shop.warehouse.engine.spelling)}"), key=str)


TESTS = {
    "type: between, column: id, max: 1": [(2, "b@x.org"), (2, None)],
    "type: unique, column: id": [(2, 2)],
    "type: sum_between, column: id, max: 1": [(5,)],
    "type: column_types, columns: {gone: text}": [("gone", "text", None)],
    "type: not_null, column: email": [(2, None)],
}


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("severity", ["error", "warn"])
def test_failing_rows_are_kept(tmp_path: Path, target: Target, test: str, severity: str) -> None:
    """Those of a build that is rolled back are the ones that people want to see. They are not masked."""
    written = project(f"table: users, {test}, severity: {severity}, store_failures: true")
    with (
        target.profile() as profile,
        opened(tmp_path, {**SHOP, "profiles.yml": profile, "project.yml": written}) as shop,
    ):
        (result,) = results_of(shop, "users")
        assert [tuple(map(plain, row)) for row in kept(shop, result)] == TESTS[test]
        assert result.blocks == (severity == "error")
        assert result.where_kept == f"the rows are in {result.failures}"
        there = shop.warehouse.engine.inspect([shop.warehouse.relation("users")])
        assert bool(there) == (severity == "warn")


def plain(value: object) -> object:
    return value if value is None or isinstance(value, str) else int(value)  # type: ignore[call-overload]


def results_of(shop: Shop, name: str) -> tuple[CheckResult, ...]:
    try:
        (built,) = shop.build(name)
    except CheckFailedError as error:
        return error.results + tuple(result for view in error.views for result in view.results)
    return built.checks


def test_nothing_is_kept_unless_it_is_wanted(tmp_path: Path) -> None:
    with opened(tmp_path, {**SHOP, "project.yml": project("table: users, type: unique, column: id")}) as shop:
        (result,) = results_of(shop, "users")
        assert (result.failures, result.where_kept) == (None, "")
        assert find_failures(shop.warehouse) == {}


def test_each_run_replaces_what_the_last_one_kept(tmp_path: Path, target: Target) -> None:
    written = project("table: users, type: unique, column: id, store_failures: true")
    with target.profile(str(tmp_path / "db.duckdb")) as profile:
        files = {**SHOP, "profiles.yml": profile, "project.yml": written}
        for rows, expected in (("(1), (1)", [(1, 2)]), ("(3), (3), (3)", [(3, 3)]), ("(1), (2)", [])):
            with opened(tmp_path, {**files, "models/users.ff.sql": f"select * from (values {rows}) as v(id)"}) as shop:
                (result,) = results_of(shop, "users")
                assert (kept(shop, result) if expected else []) == expected
                assert len(find_failures(shop.warehouse)) == bool(expected), "what passes leaves no table"


def test_checks_alone_keep_rows(tmp_path: Path, target: Target) -> None:
    written = project("table: users, type: unique, column: id, store_failures: true, severity: warn")
    with (
        target.profile() as profile,
        opened(tmp_path, {**SHOP, "profiles.yml": profile, "project.yml": written}) as shop,
    ):
        shop.build("users")
        remove_failures(shop.warehouse, find_failures(shop.warehouse).items())
        (result,) = check_node(shop.warehouse, "users", shop.project.checks)
        assert kept(shop, result) == [(2, 2)]


def test_rows_of_a_view_that_holds_back_a_table_are_kept(tmp_path: Path, target: Target) -> None:
    written = project("table: best, type: not_null, column: email, store_failures: true")
    with target.profile(str(tmp_path / "db.duckdb")) as profile:
        files = {**SHOP, "profiles.yml": profile, "project.yml": written}
        with opened(tmp_path, {**files, "models/users.ff.sql": "select 1 as id, 'a' as email"}) as shop:
            shop.build("users", "best")
        with opened(tmp_path, {**files, "models/users.ff.sql": SHOP["models/users.ff.sql"]}) as shop:
            (result,) = results_of(shop, "users")
            assert kept(shop, result) == [(2, None)]
            assert shop.rows(f"select count(*) from {shop.warehouse.relation('best')}") == [(1,)]


def test_rows_of_a_source_that_an_asset_fills_are_kept(tmp_path: Path, target: Target) -> None:
    source = """\
        version: 2
        sources:
          - name: crm
            tables:
              - {name: people, tests: [{not_null: {column: id, store_failures: true}}]}
    """
    with (
        target.profile() as profile,
        opened(tmp_path, {**SHOP, "profiles.yml": profile, "sources.yml": source}) as shop,
    ):
        (name,) = shop.project.sources
        frame = pa.table({"id": pa.array([1, None], pa.int64())})
        with pytest.raises(CheckFailedError) as caught:
            publish_frame(shop.warehouse, shop.warehouse.relation(name), frame, name)
        (result,) = caught.value.results
        assert kept(shop, result) == [(None,)]


def test_not_more_rows_are_kept_than_memory_holds(tmp_path: Path) -> None:
    written = project("table: users, type: between, column: id, max: -1, store_failures: true")
    rows = f"select range as id from range({MOST_ROWS + 5})"
    with opened(tmp_path, {**SHOP, "models/users.ff.sql": rows, "project.yml": written}) as shop:
        (result,) = results_of(shop, "users")
        assert (result.failing_rows, len(kept(shop, result))) == (MOST_ROWS + 5, MOST_ROWS)


def test_rows_that_no_table_can_hold_are_said_to_be_lost(tmp_path: Path, postgres_dsn: str) -> None:
    """Two columns of one name cannot be a table of Postgres: the check is judged all the same."""
    check = "{{ config(type='doubled') }} select id, 1 as one, 2 as one from {{ table }} where id > 1"
    written = project("table: users, type: doubled, store_failures: true")
    files = {**SHOP, "tests/doubled.ff.sql": check, "project.yml": written}
    with checked(tmp_path, Target(postgres_dsn), files) as shop:
        (result,) = results_of(shop, "users")
        assert (result.failing_rows, result.blocks, result.failures) == (2, True, None)
        assert "the failing rows could not be stored: " in result.where_kept


def check_of(node: str, name: str) -> Check:
    return Check(name, node, "not_null", NotNull("id"), Location(Path("project.yml")))


def test_names_fit_and_are_of_one_check() -> None:
    long = "a" * 200
    checks = [check_of(node, name) for node in ("a", "a_b", "b") for name in ("b_c", "c", "C", long, long + "b")]
    names = [failures_name(project, check) for project in ("shop", "other") for check in checks]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) == 63
    assert all(is_of_project(name, "shop") == (i < len(checks)) for i, name in enumerate(names))
    assert not is_of_project("_ff_failures_mine", "shop")


def test_tables_of_failures_are_no_orphans_and_only_those_of_the_project_are_removed(
    tmp_path: Path, target: Target
) -> None:
    written = project("table: users, type: unique, column: id, store_failures: true, severity: warn")
    with (
        target.profile() as profile,
        opened(tmp_path, {**SHOP, "profiles.yml": profile, "project.yml": written}) as shop,
    ):
        shop.build("users")
        engine = shop.warehouse.engine
        others = engine.relation(failures_name("other", shop.project.checks[0]))
        engine.execute(engine.spelling.create_as(others, "table", "select 1 as id", replaces=False))
        assert find_orphans(shop.warehouse) == ()
        found = find_failures(shop.warehouse)
        assert [relation.name for relation in found] == [failures_name("shop", shop.project.checks[0])]
        remove_failures(shop.warehouse, found.items())
        assert find_failures(shop.warehouse) == {}
        assert others in engine.inspect([others])


def test_the_command_line(tmp_path: Path, target: Target) -> None:
    def fft(*arguments: str) -> str:
        done = run_process(sys.executable, "-m", "fft_cli", *arguments)
        return done.stdout + done.stderr

    with target.profile(str(tmp_path / "db.duckdb")) as profile:
        written = project("table: users, type: unique, column: id")
        shop = loaded(tmp_path, {**SHOP, "profiles.yml": profile, "project.yml": written})
        name = failures_name("shop", shop.checks[0])
        assert name not in fft("build", str(tmp_path))
        assert "unique_id: the rows are in " in (said := fft("build", str(tmp_path), "--store-failures"))
        assert name in said
        results = json.loads((tmp_path / ".fastflowtransform/target/run_results.json").read_text())["results"]
        (check,) = [check for result in results for check in result["checks"]]
        assert check["failures"].endswith(name)
        assert "1 would be removed" in fft("clean", str(tmp_path), "--failures", "--dry-run")
        assert "1 removed" in (said := fft("clean", str(tmp_path), "--failures"))
        assert name in said
        assert "nothing to remove" in fft("clean", str(tmp_path), "--failures")
        assert "run the command twice" in fft("clean", str(tmp_path), "--failures", "--orphans")
        loaded(
            tmp_path, {**SHOP, "profiles.yml": profile, "project.yml": written.replace("id}", "id, severity: warn}")}
        )
        fft("build", str(tmp_path))
        assert name in fft("test", str(tmp_path), "--store-failures")
