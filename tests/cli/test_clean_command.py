"""`fft clean` removes what can be written again; rows, history and what others put there stay."""

from __future__ import annotations

from pathlib import Path

import duckdb
from test_build_command import fft, write

from fft_core.project.read.cache_folder import ProjectCache

OURS = (".fastflowtransform/cache/code.json", ".fastflowtransform/cache/project.pickle")  # of older versions
REPORTS = (
    ".fastflowtransform/logs/run/one.log",
    ".fastflowtransform/target/manifest.json",
    ".fastflowtransform/target/deep/run_results.json",
)
CACHES = ("code.json", "digests.pickle", "project.pickle", "templates.pickle")
HISTORY = ".fastflowtransform/dagster/history/runs.db"
KEPT = (
    ".fastflowtransform/packages/git/shared/installed.json",
    ".fastflowtransform/cache/http/answer.json",
    "models/m.ff.sql",
)


def shop(tmp_path: Path) -> Path:
    """A project whose database lies where reports lie."""
    profiles = "dev: {engine: duckdb, duckdb: {path: .fastflowtransform/target/dev.db}}\n"
    files = dict.fromkeys((*REPORTS, *KEPT, *OURS, HISTORY), "{}")
    root = write(tmp_path, {**files, "project.yml": "name: p\nversion: 1\n", "profiles.yml": profiles})
    (root / "models" / "m.ff.sql").write_text("select 1 as id")
    with duckdb.connect(str(root / ".fastflowtransform" / "target" / "dev.db")) as connection:
        connection.execute("create table precious as select 1 as id")
    assert fft("plan", root).code == 0  # fills the caches
    return root


def cached(root: Path) -> list[str]:
    """What is kept in the user's own folder."""
    return [path.as_posix() for path in ProjectCache(root).files()]


def there(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_reports_logs_and_caches_go_and_nothing_else(tmp_path: Path) -> None:
    root = shop(tmp_path)
    (root / ".fastflowtransform" / "target" / "link").symlink_to(root / "models")
    before = there(root)
    kept = cached(root)
    names = [Path(path).name.partition("-")[0] for path in kept]
    assert names in ([*CACHES], sorted([*CACHES, "facts"]))  # facts of a file that has not just been written
    listed = fft("clean", "--dry-run", cwd=root)
    expected = sorted([*REPORTS[1:], ".fastflowtransform/target/link"])
    assert sorted(listed.lines[:-1]) == sorted([*expected, REPORTS[0], *OURS, *kept])
    assert listed.lines[-1] == f"{6 + len(kept)} files would be removed"
    assert there(root) == before
    assert fft("clean", root).lines[-1] == f"{6 + len(kept)} files removed"
    assert there(root) == before - {*REPORTS, *OURS}
    assert not ProjectCache(root).folder.exists()
    assert (root / "models" / "m.ff.sql").exists()
    assert not (root / ".fastflowtransform" / "logs").exists()
    with duckdb.connect(str(root / ".fastflowtransform" / "target" / "dev.db")) as connection:
        assert connection.execute("select id from precious").fetchall() == [(1,)]
    assert fft("clean", root).out == "nothing to remove\n"


def test_the_history_goes_only_where_it_is_asked_for_and_is_the_projects_own(tmp_path: Path) -> None:
    root = shop(tmp_path)
    elsewhere = tmp_path / "home"
    write(elsewhere, {"history/runs.db": "of many projects"})
    cleaned = fft("clean", root, "--history", DAGSTER_HOME=str(elsewhere))
    assert cleaned.err == "the history in DAGSTER_HOME does not belong to the project and is kept\n"
    assert not (root / HISTORY).exists()
    assert (elsewhere / "history" / "runs.db").exists()


def test_a_folder_that_is_no_project_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path, {".fastflowtransform/target/x.json": "{}"})
    refused = fft("clean", tmp_path)
    assert (refused.code, refused.out) == (1, "")
    assert "this is not an FFT project" in refused.err
    assert there(tmp_path) == {".fastflowtransform/target/x.json"}
