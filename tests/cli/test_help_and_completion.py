"""`fft --help`, `fft --version` and what a shell completes: quick, without Dagster, and never an error."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import pytest
from fft_process import FFT, run_process
from test_build_command import Finished, fft, write

from fft_cli.app import COMMANDS
from fft_core import load_project
from fft_core.project.read.cache_folder import ProjectCache

SHOP = {
    "project.yml": "name: shop\nversion: '1'\n",
    "profiles.yml": "dev: {engine: duckdb}\n",
    "sources.yml": "crm: {visits: {identifier: visits}}\n",
    "seeds/orders_raw.csv": "id\n1\n",
    "models/staging/orders.ff.sql": "{{ config(tags=['daily', 'hot'], description='What was bought.') }}select 1 as id",
    "models/mart.ff.sql": "{{ config(materialized='view') }}select * from {{ ref('orders') }}",
}


def completed(line: str, shell: str = "bash", cwd: Path | None = None) -> list[str]:
    """What the shell is offered for the last word of a line."""
    words = line.split(" ")
    variables = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1), "_FFT_COMPLETE": f"{shell}_complete"}
    if shell == "fish":
        variables["COMP_CWORD"] = words[-1]
    finished = installed(cwd=cwd, **variables)
    assert (finished.code, finished.err) == (0, "")
    return finished.out.split("\n")[:-1] if shell == "zsh" else finished.lines


def installed(*arguments: str, cwd: Path | None = None, **variables: str) -> Finished:
    """Run the command as it is installed: a shell completes that name."""
    finished = run_process(FFT, *arguments, cwd=cwd, environment={**os.environ, **variables})
    return Finished(finished.returncode, finished.stdout, finished.stderr)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write(tmp_path / "shop", SHOP)


def test_help_names_every_command_once_and_imports_nothing_slow() -> None:
    code = (
        "import sys; from fft_cli.app import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "slow = 'dagster duckdb psycopg pandas pyarrow polars pydantic sqlglot jinja2 yaml "
        "fft_core.run.rebuilder fft_core.compile.identity'.split()\n"
        "print(sorted(set(slow) & set(sys.modules)), file=sys.stderr)"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stderr.strip() == "[]"
    shown = [line.split()[0] for line in finished.stdout.splitlines() if line.startswith("  ") and line[2] not in " -"]
    assert sorted(name for name in shown if name in COMMANDS) == sorted(COMMANDS)
    headings = [line for line in finished.stdout.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert headings[:3] == ["Options:", "Begin:", "Build and check:"]


def test_versions_are_those_that_are_installed() -> None:
    shown = fft("--version")
    assert shown.lines == [
        f"fft {version('fft-dagster')}",
        f"dagster {version('dagster')}",
        f"google-cloud-bigquery {version('google-cloud-bigquery')}",
        f"bigframes {version('bigframes')}",
        f"pyspark-client {version('pyspark-client')}",
        f"duckdb {version('duckdb')}",
        f"psycopg {version('psycopg')}",
        f"snowflake-connector-python {version('snowflake-connector-python')}",
        f"snowflake-snowpark-python {version('snowflake-snowpark-python')}",
        f"python {platform.python_version()}",
    ]
    assert fft("version").out == shown.out


CASES: Mapping[str, list[str]] = {
    "fft pl": ["plain,plan"],
    "fft cache ": ["plain,clear"],
    "fft plan shop --select o": ["plain,orders", "plain,orders_raw"],
    "fft plan shop -s +ma": ["plain,+mart"],
    "fft plan shop --select mart,2+orders_": ["plain,mart,2+orders_raw"],
    "fft plan shop --exclude tag:": ["plain,tag:daily", "plain,tag:hot"],
    "fft plan shop --exclude path:models/": ["plain,path:models/staging"],
    "fft plan shop --exclude type:v": ["plain,type:view"],
    "fft plan shop --exclude source:crm.": ["plain,source:crm.visits"],
    "fft plan shop --select state:": ["plain,state:modified"],
    "fft plan shop --select result:f": ["plain,result:fail"],
    "fft plan shop --exclude kind:s": ["plain,kind:seed", "plain,kind:sql"],
    "fft plan shop --exclude ta": ["plain,tag:"],
    "fft plan shop --exclude nonsense:": [],
    "fft plan shop --rebuild ma": ["plain,mart"],
    "fft plan nowhere --select o": [],
}


def test_names_of_models_are_completed(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, as 14 others would take long; the installed command is tried below."""
    from click.shell_completion import BashComplete

    from fft_cli.app import app

    load_project(shop, environment={})
    monkeypatch.chdir(shop.parent)
    for line, expected in CASES.items():
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
        assert BashComplete(app, {}, "fft", "_FFT_COMPLETE").complete().splitlines() == expected, line


def test_each_shell_is_served_and_a_broken_project_is_silence(shop: Path) -> None:
    assert "complete -o nosort -F _fft_completion fft" in installed(_FFT_COMPLETE="bash_source").out
    assert installed(_FFT_COMPLETE="zsh_source").out.startswith("#compdef fft")
    assert "complete --no-files --command fft" in installed(_FFT_COMPLETE="fish_source").out
    assert completed("fft plan --select or", cwd=shop) == ["plain,orders", "plain,orders_raw"]
    assert completed("fft plan --select orders", "zsh", cwd=shop) == [
        "plain",
        "orders",
        "What was bought.",
        "plain",
        "orders_raw",
        "_",
    ]
    assert completed("fft plan --select orders", "fish", cwd=shop)[0].startswith("plain,orders")
    (shop / "models" / "bad.ff.sql").write_text("select {{")
    assert completed("fft plan --select or", cwd=shop) == ["plain,orders", "plain,orders_raw"]  # as last loaded
    (ProjectCache(shop).folder / "project.pickle").write_bytes(b"cut off")
    assert completed("fft plan --select or", cwd=shop) == []


def test_bash_takes_the_script(shop: Path) -> None:
    """As a user would see it: the script is read, and its function called."""
    load_project(shop, environment={})
    script = (
        f'eval "$(_FFT_COMPLETE=bash_source {Path(sys.executable).parent / "fft"})"\n'
        f"COMP_WORDS=({Path(sys.executable).parent / 'fft'} plan --select ma); COMP_CWORD=3\n"
        f"_fft_completion {Path(sys.executable).parent / 'fft'}\n"
        'echo "${COMPREPLY[@]}"'
    )
    finished = subprocess.run(["bash", "-c", script], cwd=shop, capture_output=True, text=True, timeout=60)
    assert (finished.stdout, finished.stderr) == ("mart\n", "")
