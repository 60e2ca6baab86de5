"""The exit codes of the installed command, each in a process of its own; errors go to stderr, without traces."""

from __future__ import annotations

import subprocess
from pathlib import Path

import duckdb
import pytest
from fft_process import FFT
from run_helpers import SHOP, installed_fft, run_results, shop, write


def test_0_and_2_for_checks(tmp_path: Path) -> None:
    root = shop(tmp_path)
    built = installed_fft("build", root)
    assert (built.code, built.err) == (0, "")
    assert "1 warned" in built.lines[-1]
    with duckdb.connect(str(root / "dev.duckdb")) as connection:
        connection.execute("update users set id = null")
    tested = installed_fft("test", root)
    assert tested.code == 2
    assert tested.err == ""
    assert "↳ not_null_id: 2 of 2 rows fail (project.yml:4)" in tested.lines
    assert installed_fft("run", root).code == 0  # it does not look
    write(root, {"models/users.ff.sql": "select null as id, 'a@x.at' as email"})
    blocked = installed_fft("run", root)
    assert blocked.code == 2
    assert "blocked users N s" in blocked.lines
    assert "Traceback" not in tested.err + blocked.err


def test_1_for_a_failed_model_though_checks_failed(tmp_path: Path) -> None:
    root = shop(tmp_path)
    write(
        root, {"models/users.ff.sql": "select null as id, 'a@x.at' as email", "models/wrong.ff.sql": "select nothing"}
    )
    finished = installed_fft("run", root, "--keep-going")
    assert finished.code == 1
    assert finished.lines[-2] == "1 blocked, 1 failed, 1 skipped; checks: 1 passed, 1 failed; N s"
    assert "models/wrong.ff.sql:1: model 'wrong': Binder Error" in finished.err


@pytest.mark.parametrize("command", [["run"], ["build"], ["seed"], ["test"], ["snapshot", "run"]])
def test_1_for_what_is_invalid_and_2_for_a_wrong_call(command: list[str], tmp_path: Path) -> None:
    root = write(tmp_path, {**SHOP, "models/a.ff.sql": "{{ ref('b') }}", "models/b.ff.sql": "{{ ref('a') }}"})
    cycle = installed_fft(*command, root)
    assert (cycle.code, cycle.out) == (1, "")
    assert cycle.err.startswith("error: models/a.ff.sql:1: ")
    assert "cycle" in cycle.err
    nowhere = installed_fft(*command, root / "nowhere")
    assert (nowhere.code, "is not an FFT project" in nowhere.err) == (1, True)
    wrong = installed_fft(*command, root, "--no-such-option")
    assert (wrong.code, wrong.out) == (2, "")
    assert "Usage: " in wrong.err
    assert not (root / ".fastflowtransform").exists()


def test_1_where_the_history_cannot_be_kept(tmp_path: Path) -> None:
    root = shop(tmp_path)
    nowhere = installed_fft("run", root, DAGSTER_HOME="nowhere")
    assert (nowhere.code, "DAGSTER_HOME must be the absolute path of an existing folder" in nowhere.err) == (1, True)
    write(root, {".fastflowtransform/dagster": "a file"})
    no_folder = installed_fft("run", root)
    assert no_folder.code == 1
    assert f"the history of runs cannot be kept in {root}/.fastflowtransform/dagster: File exists" in no_folder.err


def test_1_before_anything_runs_where_its_results_cannot_be_kept(tmp_path: Path) -> None:
    root, home = write(shop(tmp_path / "shop"), {".fastflowtransform": "a file"}), write(tmp_path / "home", {})
    write(home, {"dagster.yaml": "telemetry: {enabled: false}\n"})
    built = installed_fft("build", root, DAGSTER_HOME=str(home))
    assert (built.code, built.err.splitlines()) == (
        1,
        [
            f"error: cannot write files into {root}/.fastflowtransform/target: Not a directory [FFT-711]",
            "    hint: The results of each run are kept there. If the project is read-only, mount a folder there.",
        ],
    )
    with duckdb.connect(str(root / "dev.duckdb")) as connection:
        assert connection.sql("select table_name from duckdb_tables()").fetchall() == [("crm_users",)]  # its source


def test_1_for_a_missing_driver(tmp_path: Path) -> None:
    root = shop(tmp_path / "shop")
    write(tmp_path, {"broken/duckdb.py": "raise ModuleNotFoundError('No module named duckdb', name='duckdb')"})
    finished = installed_fft("run", root, PYTHONPATH=str(tmp_path / "broken"))
    assert finished.code == 1
    assert finished.err == (
        "error: the engine 'duckdb' needs the package 'duckdb' [FFT-210]\n    hint: pip install "
        '"fft-dagster[duckdb]"\n'
    )


def test_99_for_what_nobody_expected(tmp_path: Path) -> None:
    root = shop(tmp_path / "shop")
    broken = write(tmp_path / "broken", {"duckdb.py": "raise RuntimeError('a broken installation')"})
    finished = installed_fft("plan", root, PYTHONPATH=str(broken))
    (log,) = (root / ".fastflowtransform" / "logs").iterdir()
    assert (finished.code, finished.out) == (99, "")
    assert finished.err == (
        "unexpected RuntimeError: a broken installation [FFT-999]\n"
        f"    This is a bug in FFT or in a library that it uses. The traceback is in {log}\n"
        "    hint: FFT_TRACE=1 shows it here.\n"
    )
    assert "Traceback (most recent call last)" in log.read_text()
    assert "broken/duckdb.py" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600
    traced = installed_fft("plan", root, PYTHONPATH=str(broken), FFT_TRACE="1")
    assert traced.code == 99
    assert "Traceback (most recent call last)" in traced.err
    assert not (tmp_path / ".fastflowtransform").exists()


def test_99_for_what_nobody_expected_in_a_step(tmp_path: Path) -> None:
    root = write(tmp_path / "shop", {**SHOP, "models/users.ff.sql": "select 1 as id, 'a@x.at' as email"})
    write(
        root, {"models/copied.ff.py": "from fft_core import model\n@model(deps=['users'])\ndef copied(df): return df"}
    )
    broken = write(tmp_path / "broken", {"pyarrow/__init__.py": "raise RuntimeError('a broken installation')"})
    finished = installed_fft("run", root, "--keep-going", PYTHONPATH=str(broken))
    assert finished.code == 99
    assert "built users 1 rows N s" in finished.lines
    assert finished.lines[-2] == "2 built, 1 failed; checks: 2 passed; N s"
    (log,) = (root / ".fastflowtransform" / "logs").iterdir()
    assert f"The traceback is in {log}" in finished.err
    assert "unexpected copied: RuntimeError: a broken installation [FFT-999]\n" in finished.err
    assert "Traceback" not in finished.err
    assert "broken/pyarrow" in log.read_text()


def test_a_reader_that_ends_early_is_no_error_of_ours(tmp_path: Path) -> None:
    import subprocess

    from run_helpers import clean_environment

    root = shop(tmp_path)
    command = f"{FFT} plan {root} --json | true; exit ${{PIPESTATUS[0]}}"
    finished = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, env=clean_environment(), timeout=60
    )
    assert finished.returncode in (0, 1)
    assert finished.stderr == ""


def test_a_build_goes_on_when_nobody_reads_its_output(tmp_path: Path) -> None:
    root = shop(tmp_path)
    process = subprocess.Popen([FFT, "build", str(root)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("shop on duckdb")
    process.stdout.close()
    assert process.stderr is not None
    assert (process.stderr.read(), process.wait(60)) == ("", 0)
    statuses = {result["name"]: result["status"] for result in run_results(root)["results"]}
    assert statuses == dict.fromkeys(["names", "users", "domains", "history", "crm.users"], "built") | {
        "crm.users": "checked"
    }


def test_what_the_machine_refuses_is_no_error_of_fft(tmp_path: Path) -> None:
    root = shop(tmp_path)
    with Path("/dev/full").open("w") as full:
        finished = subprocess.run([FFT, "ls", str(root)], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (finished.returncode, finished.stderr) == (1, "error: No space left on device [FFT-711]\n")
    assert installed_fft("dev", root, "--port", "99999").code == 2


@pytest.mark.parametrize("name", ["history/runs.db", "history/runs/index.db", "schedules/schedules.db", "history"])
def test_a_damaged_history(tmp_path: Path, name: str) -> None:
    root = shop(tmp_path)
    damaged = root / ".fastflowtransform" / "dagster" / name
    damaged.parent.mkdir(parents=True)
    damaged.write_text("garbage")
    refused = installed_fft("seed", root)
    assert refused.code == 1
    assert f"error: the history of runs in {root / '.fastflowtransform' / 'dagster'} cannot be read: " in refused.err
    assert "hint: fft clean --history removes it" in refused.err
    assert installed_fft("clean", root, "--history").code == 0
    assert installed_fft("seed", root).code == 0
