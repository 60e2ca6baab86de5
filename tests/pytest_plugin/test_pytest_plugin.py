"""The plugin of pytest, as a user of pytest sees it: names, what is said of a failure, nothing where it has no part."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from test_build_command import SHOP, fft, write
from test_utest_command import FILES

EXAMPLE = Path(__file__).parents[2] / "example_project"


def run_pytest(folder: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run pytest as a process, in a folder that is no part of this repository."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "FFT_", "FF_"))}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(
        command, cwd=folder, env={**kept, **environment}, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_cases_are_tests_of_their_own(tmp_path: Path) -> None:
    write(tmp_path / "shop", FILES)
    code, out = run_pytest(tmp_path, "shop", "-v")
    assert code == 1
    for line in (
        "shop/tests/unit/loud.yml::shouts PASSED",
        "shop/tests/unit/users.yml::good PASSED",
        "shop/tests/unit/users.yml::bad FAILED",
        "shop/tests/unit/users.yml::broken FAILED",
        "2 failed, 2 passed",
    ):
        assert line in out
    assert not (tmp_path / "shop" / "dev.duckdb").exists()


def test_a_failure_shows_what_the_command_shows_and_no_traceback(tmp_path: Path) -> None:
    shop = write(tmp_path / "shop", FILES)
    _, out = run_pytest(tmp_path, "shop", "-k", "bad or broken")
    assert "fail: users, bad (tests/unit/users.yml:5)" in out
    shown = fft("utest", shop, "--case", "bad").out.splitlines()[1:-2]
    assert len(shown) == 6
    for line in shown:
        assert line.strip() in out
    assert "error: users, broken (tests/unit/users.yml:7)" in out
    assert "models/users.ff.sql:1: model 'users': " in out
    assert "Traceback" not in out
    assert "items.py" not in out


def test_one_case_is_run_by_its_id(tmp_path: Path) -> None:
    write(tmp_path / "shop", FILES)
    code, out = run_pytest(tmp_path, "shop/tests/unit/users.yml::good", "-q")
    assert code == 0
    assert "1 passed" in out


def test_what_a_model_prints_is_captured(tmp_path: Path) -> None:
    write(tmp_path / "shop", FILES)
    code, out = run_pytest(tmp_path, "shop", "-k", "shouts")
    assert code == 0
    assert "said by the model" not in out


def test_a_wrong_project_is_an_error_of_collection(tmp_path: Path) -> None:
    write(tmp_path / "shop", {**FILES, "tests/unit/loud.yml": "model: lout\ncases: [{name: a, expect: {rows: []}}]\n"})
    code, out = run_pytest(tmp_path, "shop")
    assert code == 2
    assert "tests/unit/loud.yml:1: 'lout' is not a model" in out
    assert "Traceback" not in out


def test_the_environment_is_chosen(tmp_path: Path) -> None:
    profiles = (
        "dev: {engine: duckdb}\nwrong: {engine: duckdb}\nwrong_utest: {engine: duckdb, duckdb: {path: project.yml}}\n"
    )
    write(tmp_path / "shop", {**FILES, "profiles.yml": profiles})
    assert run_pytest(tmp_path, "shop", "-k", "shouts")[0] == 0
    code, out = run_pytest(tmp_path, "shop", "-k", "shouts", "--fft-env", "wrong")
    assert code == 1
    assert "cannot open" in out
    assert "Traceback" not in out


def test_secrets_are_masked(tmp_path: Path) -> None:
    files = {
        **SHOP,
        "project.yml": "name: shop\nversion: '1'\nsecrets: [TOKEN]\n",
        "models/told.ff.sql": "select '{{ env('TOKEN') }}' as token",
        "tests/unit/told.yml": "model: told\ncases: [{name: a, expect: {rows: [{token: x}]}}]\n",
    }
    write(tmp_path / "shop", files)
    code, out = run_pytest(tmp_path, "shop", "-k", "a", TOKEN="hunter2hunter2")
    assert code == 1
    assert "hunter2" not in out


def test_it_can_be_left_out(tmp_path: Path) -> None:
    write(tmp_path / "shop", FILES)
    code, out = run_pytest(tmp_path, "shop", "-p", "no:fft")
    assert code == 5
    assert "no tests ran" in out


def test_it_is_inert_where_there_is_no_project(tmp_path: Path) -> None:
    """Neither a file of the same place, nor a project.yml of somebody else, makes it import anything."""
    (tmp_path / "tests" / "unit").mkdir(parents=True)
    (tmp_path / "tests" / "unit" / "case.yml").write_text("model: users\ncases: []\n")
    (tmp_path / "project.yml").write_text("name: somebody else's\n")
    (tmp_path / "test_own.py").write_text(
        "import sys\n\n\ndef test_nothing_is_imported(pytestconfig):\n"
        "    assert pytestconfig.pluginmanager.has_plugin('fft')\n"
        "    ours = ('fft_core', 'fft_cli', 'dagster', 'yaml', 'click')\n"
        "    assert [name for name in sys.modules if name.split('.')[0] in ours] == []\n"
    )
    code, out = run_pytest(tmp_path, "-q")
    assert code == 0, out
    assert "1 passed" in out


def test_the_example_keeps_its_promises(tmp_path: Path) -> None:
    hidden = shutil.ignore_patterns(".local", ".fastflowtransform", "__pycache__", "*.parquet")
    shutil.copytree(EXAMPLE, tmp_path / "example_project", ignore=hidden)
    code, out = run_pytest(tmp_path, "example_project", "-v")
    assert code == 0, out
    assert "example_project/tests/unit/int_flight_outcomes.yml::fifteen minutes late is late PASSED" in out
