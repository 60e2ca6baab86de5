"""`fft build` as a process of its own: what it prints and where, its exit codes, and the history that it keeps."""

from __future__ import annotations

import os
import re
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import duckdb
import pytest
import yaml
from fft_process import run_process

SHOP: Mapping[str, str] = {
    "project.yml": """\
        name: shop
        version: "1"
        tests:
          - {type: not_null, table: users, column: id}
          - {type: accepted_values, table: users, column: email, values: [a@x.at], severity: warn}
        """,
    "profiles.yml": """\
        dev: {engine: duckdb, duckdb: {path: dev.duckdb}}
        prod: {engine: duckdb, duckdb: {path: "{{ env('SHOP_PATH', 'prod.duckdb') }}"}}
        """,
    "seeds/seed_users.csv": "id,email\n1,a@x.at\n2,b@x.at\n",
    "models/users.ff.sql": "select id, email from {{ ref('seed_users') }}",
    "models/loud.ff.py": """\
        from fft_core import model

        @model(deps=["users"])
        def loud(df):
            print("said by the model")
            return df.assign(email=df["email"].str.upper())
        """,
}


@dataclass(frozen=True)
class Finished:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """What was printed, with one blank between words and without times."""
        return [re.sub(r"[\d.]+ s$", "N s", " ".join(line.split())) for line in self.out.splitlines() if line.strip()]


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(content))
    return folder


def fft(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> Finished:
    """Run `fft`; whatever happens, no trace of Python is shown."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("FF_", "FFT_", "DAGSTER_", "SHOP_"))}
    command = (sys.executable, "-m", "fft_cli", *arguments)
    finished = run_process(*command, cwd=cwd, environment={**inherited, **environment})
    assert "Traceback" not in finished.stderr + finished.stdout, finished.stderr + finished.stdout
    return Finished(finished.returncode, finished.stdout, finished.stderr)


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finished]:
    """The shop, built once by name from another folder."""
    root = write(tmp_path_factory.mktemp("cli") / "shop", SHOP)
    return root, fft("build", "shop", "--jobs", "1", cwd=root.parent)


def test_a_line_for_each_model_as_it_ends_and_a_summary(built: tuple[Path, Finished]) -> None:
    root, finished = built
    assert finished.code == 0, finished.err
    lines = finished.lines
    assert lines[0].startswith("shop")
    for line in ("built seed_users 2 rows N s", "built users 2 rows N s", "built loud 2 rows N s"):
        assert line in lines
    assert lines.index("built seed_users 2 rows N s") < lines.index("built users 2 rows N s")
    warning = lines[lines.index("built users 2 rows N s") + 1]
    assert warning == "warned: accepted_values_email: 1 of 2 rows fail"
    assert lines[-1] == "3 built; checks: 1 passed, 1 warned; N s"
    assert "said by the model" in lines
    assert rows(root / "dev.duckdb", "select * from loud order by 1") == [(1, "A@X.AT"), (2, "B@X.AT")]


def test_a_pipe_gets_no_colours_and_stderr_stays_quiet(built: tuple[Path, Finished]) -> None:
    _, finished = built
    assert finished.err == ""
    assert "\x1b" not in finished.out


def test_the_history_is_kept_in_the_project(built: tuple[Path, Finished]) -> None:
    root, _ = built
    with dg.DagsterInstance.from_config(str(root / ".fastflowtransform" / "dagster")) as instance:
        assert [run.status.value for run in instance.get_runs()] == ["SUCCESS"]
        event = instance.get_latest_materialization_event(dg.AssetKey("users"))
        assert event is not None
        assert event.asset_materialization is not None
        assert event.asset_materialization.metadata["dagster/row_count"].value == 2


def test_it_writes_nothing_into_the_current_folder(built: tuple[Path, Finished]) -> None:
    root, _ = built
    assert [path.name for path in root.parent.iterdir()] == ["shop"]


def test_env_chooses_profile_and_variables_and_dagster_home_is_honoured(tmp_path: Path) -> None:
    root, home = write(tmp_path / "shop", SHOP), tmp_path / "home"
    write(root, {".env.prod": "SHOP_PATH=by_layer.duckdb\n"})
    write(home, {"dagster.yaml": "telemetry: {enabled: false}\n"})
    finished = fft("build", root, "--env", "prod", DAGSTER_HOME=str(home))
    assert (finished.code, finished.err) == (0, "")
    assert (root / "by_layer.duckdb").is_file()
    assert not (root / "dev.duckdb").exists()
    assert not (root / ".fastflowtransform" / "dagster").exists()
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert len(instance.get_runs()) == 1


def test_a_failing_check_ends_with_2_and_a_failing_model_with_1(tmp_path: Path) -> None:
    root = write(tmp_path, SHOP)
    failing = "name: shop\nversion: '1'\ntests:\n  - {type: accepted_values, table: users, column: id, values: [1]}\n"
    write(root, {"project.yml": failing})
    finished = fft("build", ".", cwd=root)
    assert finished.code == 2
    assert finished.lines[2:] == [
        "blocked users N s",
        "failed: accepted_values_id: 1 of 2 rows fail",
        "skipped loud",
        "users: blocked",
        "1 built, 1 blocked, 1 skipped; checks: 1 failed; N s",
        "next: correct the error and call `fft build` again; it builds only the rest",
    ]
    assert finished.err.strip() == (
        "error: users: project.yml:4: users is not published: 1 check(s) failed: accepted_values_id: 1 of 2 rows "
        "fail [FFT-500]\n"
        "    hint: The first of them: id = 2, email = b@x.at"
    )
    tables = {name for (name,) in rows(root / "dev.duckdb", "select table_name from duckdb_tables()")}
    assert tables & {"seed_users", "users", "loud"} == {"seed_users"}
    # a model that fails outweighs it
    write(root, {"models/broken.ff.sql": "select nothing"})
    finished = fft("build", ".", cwd=root)
    assert finished.code == 1
    assert "failed broken N s" in finished.lines
    assert "models/broken.ff.sql:1: model 'broken': Binder Error: Referenced column" in finished.err


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    files = {name: content for name, content in SHOP.items() if not name.endswith(".py")}
    files["models/letters.ff.sql"] = """\
        {% for letter in 'ab' %}select '{{ letter }}' as letter {{ 'union all ' if not loop.last }}{% endfor %}"""
    home = tmp_path / "home"
    home.mkdir()
    finished = fft("build", ".", cwd=write(tmp_path / "it's [a] {shop}: é", files), HOME=str(home))
    assert (finished.code, finished.err) == (0, "")
    assert list(home.iterdir()) == []  # Dagster has read that telemetry is off
    written = tmp_path / "it's [a] {shop}: é" / ".fastflowtransform" / "dagster" / "dagster.yaml"
    assert yaml.safe_load(written.read_text())["telemetry"] == {"enabled": False}


def test_an_invalid_project_ends_with_1_and_all_its_problems(tmp_path: Path) -> None:
    root = write(tmp_path, {**SHOP, "models/a.ff.sql": "{{ ref('b') }}", "models/c.ff.sql": "{{ ref('d') }}"})
    finished = fft("build", root)
    assert (finished.code, finished.out) == (1, "")
    assert finished.err.startswith("error: models/a.ff.sql:1: ref('b') is not a model or seed [FFT-110]\n")
    assert "\nmodels/c.ff.sql:1: ref('d') is not a model or seed [FFT-110]\n" in finished.err
    assert not (root / "dev.duckdb").exists()
    assert not (root / ".fastflowtransform").exists()


def test_a_folder_that_is_no_project(tmp_path: Path) -> None:
    finished = fft("build", "nowhere", cwd=tmp_path)
    assert (finished.code, finished.out) == (1, "")
    assert finished.err == (
        f"error: {tmp_path.resolve()}/nowhere: this is not an FFT project: project.yml is missing [FFT-102]\n"
        "    hint: Name the folder that holds project.yml, as in: fft build path/to/project\n"
    )


def test_an_unknown_profile(tmp_path: Path) -> None:
    finished = fft("build", write(tmp_path, SHOP), "--env", "prd")
    assert (finished.code, finished.out) == (1, "")
    assert finished.err == (
        "error: profiles.yml: profile 'prd' does not exist [FFT-202]\n    hint: Did you mean 'prod'?\n"
    )


@pytest.mark.parametrize("arguments", [["--jobs", "0"], ["--jobs", "many"], ["--nope"], ["a", "b"]])
def test_wrong_options_end_with_2_and_the_usage(arguments: list[str], tmp_path: Path) -> None:
    finished = fft("build", *arguments, cwd=tmp_path)
    assert (finished.code, finished.out) == (2, "")
    assert "Usage:" in finished.err


def test_a_project_without_models(tmp_path: Path) -> None:
    files = {name: SHOP[name] for name in ("profiles.yml",)}
    finished = fft("build", write(tmp_path, {**files, "project.yml": "name: shop\nversion: '1'\n"}))
    assert (finished.code, finished.err) == (0, "")
    assert finished.lines[-1] == "nothing to do; N s"


def test_a_database_that_cannot_be_opened(tmp_path: Path) -> None:
    root = write(tmp_path, {**SHOP, "dev.duckdb": "no database" * 999})
    finished = fft("build", root)
    assert finished.code == 1
    assert f"error: cannot open {root.resolve()}/dev.duckdb: " in finished.err.replace("seed_users: ", "")
