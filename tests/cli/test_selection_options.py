"""Selecting by facts and by git as processes of their own: exit codes, and what is not imported for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fft_process import run_process

FILES = {
    "project.yml": "name: shop\nversion: '1'\n",
    "profiles.yml": "dev: {engine: duckdb, duckdb: {path: dev.duckdb}}\n",
    "seeds/raw_users.csv": "id\n1\n",
    "models/users.ff.sql": "select id from {{ ref('raw_users') }}",
    "models/totals.ff.sql": "select count(*) as n from {{ ref('users') }}",
    "models/apart.ff.sql": "select 1 as id",
}
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith(("FF_", "FFT_", "DAGSTER_", "GIT_"))}
IMPORTED = """
import sys; sys.argv = ["fft", *sys.argv[1:]]
from fft_cli import main
try: main()
except SystemExit as end: assert not end.code
print([name for name in sys.modules if name in ("dagster", "pandas", "pyarrow", "duckdb", "sqlglot", "subprocess")])
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@x.at", "-c", "commit.gpgsign=false"]
    for arguments in (["init", "-b", "main"], ["add", "-A"], ["commit", "-m", "start"]):
        subprocess.run([*git, *arguments], cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "models" / "users.ff.sql").write_text("select id + 1 as id from {{ ref('raw_users') }}")
    return tmp_path


def fft(shop: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    ended = run_process(sys.executable, "-m", "fft_cli", *arguments, cwd=shop, environment=ENVIRONMENT)
    assert "Traceback" not in ended.stderr
    return ended


def test_only_what_changed_is_planned_and_listed(shop: Path) -> None:
    planned = fft(shop, "plan", "--changed-since", "main", "--json")
    assert [d["model"] for d in json.loads(planned.stdout)["decisions"]] == ["users", "totals"]
    listed = fft(shop, "ls", "--changed-since", "HEAD", "--exclude", "totals", "--output", "name")
    assert listed.stdout.split() == ["users"]


def test_only_what_changed_is_built_and_what_is_left_is_modified(shop: Path) -> None:
    built = fft(shop, "build", "--select", "+users")
    assert built.returncode == 0, built.stderr
    assert fft(shop, "ls", "--select", "state:modified", "-o", "name").stdout.split() == ["apart", "totals"]
    again = fft(shop, "build", "--select", "state:modified+", "--changed-since", "main")
    assert again.returncode == 0, again.stderr
    assert "totals" in again.stdout
    assert "apart" not in again.stdout
    nothing = fft(shop, "build", "--changed-since", "main", "--select", "kind:seed")
    assert (nothing.returncode, nothing.stderr) == (0, "")


def test_a_selection_without_nodes_is_a_warning(shop: Path) -> None:
    planned = fft(shop, "plan", "--select", "tag:nigthly")
    assert (planned.returncode, planned.stdout) == (0, "0 to build, 0 to reuse\n")
    assert planned.stderr == (
        "warning: --select tag:nigthly selects nothing. `fft ls` lists all models with tags and files.\n"
    )
    assert fft(shop, "ls", "--select", "tag:nigthly", "--changed-since", "HEAD").stderr == ""


def test_what_cannot_be_known_is_an_error(shop: Path) -> None:
    unknown = fft(shop, "plan", "--changed-since", "nowhere")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert unknown.stderr.startswith("error: git has no commit 'nowhere' [FFT-304]\n    hint: ")


def test_listing_opens_a_database_only_for_its_state(shop: Path) -> None:
    def imported(*arguments: str) -> str:
        command = [sys.executable, "-c", IMPORTED, "ls", "-o", "name", *arguments]
        ended = subprocess.run(command, cwd=shop, env=ENVIRONMENT, capture_output=True, text=True, check=True)
        return ended.stdout.splitlines()[-1]

    imported()  # so that the project is in the cache
    assert imported("--select", "+totals,kind:sql") == "[]"
    assert "duckdb" in imported("--select", "state:modified")
