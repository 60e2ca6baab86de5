"""`fft ci-check` as a process of its own: text, JSON, SARIF, exit codes, and what it does not touch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from fft_process import run_process
from sarif_reports import results_of

from fft_core.errors import Location
from fft_core.reports.lint.findings import Finding
from fft_core.reports.lint.rules import RULES
from fft_core.reports.lint.sarif import sarif_report

FILES = {
    "project.yml": "name: shop\nversion: '1'\nlint: {star-over-source: error}\n",
    "profiles.yml": "dev: {engine: duckdb, duckdb: {path: dev.duckdb}}\n",
    "sources.yml": "crm:\n  orders: {}\n  visits: {}\n",
    "models/ein kauf/orders.ff.sql": "select *\nfrom {{ source('crm', 'orders') }}",
    "models/users.ff.sql": "select order_id\nfrom orders",
}


@dataclass(frozen=True)
class Finished:
    code: int
    out: str
    err: str


def ci_check(*arguments: str | Path, cwd: Path) -> Finished:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("FF_", "FFT_", "DAGSTER_"))}
    ended = run_process(sys.executable, "-m", "fft_cli", "ci-check", *arguments, cwd=cwd, environment=inherited)
    assert "Traceback" not in ended.stderr
    return Finished(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project in a subfolder of a repository."""
    (tmp_path / ".git").mkdir()
    return write(tmp_path / "data" / "shop", FILES)


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def validated(report: dict[str, Any]) -> list[dict[str, Any]]:
    """The results of a report, which must follow the specification."""
    return results_of(report, "invalid-project", *RULES)


def place(result: dict[str, Any]) -> tuple[str, int | None]:
    where = result["locations"][0]["physicalLocation"]
    return unquote(where["artifactLocation"]["uri"]), where.get("region", {}).get("startLine")


def test_findings_as_text_and_as_sarif(shop: Path) -> None:
    ended = ci_check("--sarif", "out/found.sarif", cwd=shop)
    assert ended == Finished(
        1,
        "models/ein kauf/orders.ff.sql:1: error: orders selects all columns of its inputs: it changes with crm.orders "
        "[star-over-source]\n    hint: Name the columns.\n"
        "models/users.ff.sql:2: warning: orders is not read by ref() or source(): users does not wait for it, "
        "and is always built "
        "[hard-coded-relation]\n    hint: Write {{ ref('orders') }}.\n"
        "sources.yml:2: warning: source crm.orders is the model orders: models that read it do not wait for the model "
        "[source-is-model]\n    hint: Read it by ref('orders').\n"
        "sources.yml:3: warning: no model reads source crm.visits, and nothing checks it [unused-source]\n"
        "    hint: Remove it.\n"
        "\n1 error, 3 warnings\n",
        "",
    )
    assert not (shop / "dev.duckdb").exists()
    report = json.loads((shop / "out" / "found.sarif").read_text())
    results = validated(report)
    assert [(result["ruleId"], result["level"], *place(result)) for result in results] == [
        ("star-over-source", "error", "data/shop/models/ein kauf/orders.ff.sql", 1),
        ("hard-coded-relation", "warning", "data/shop/models/users.ff.sql", 2),
        ("source-is-model", "warning", "data/shop/sources.yml", 2),
        ("unused-source", "warning", "data/shop/sources.yml", 3),
    ]
    assert results[-1]["message"]["text"] == ("no model reads source crm.visits, and nothing checks it\nRemove it.")
    assert str(shop) not in json.dumps(report)


def test_a_project_that_does_not_load_is_a_report_too(shop: Path) -> None:
    write(shop, {"models/users.ff.sql": "select 1\nfrom {{ ref('oders') }}", "project.yml": "name: shop\n"})
    ended = ci_check(shop, "--json", "--sarif", shop / "found.sarif", cwd=shop.parent)
    assert ended.code == 1
    found = json.loads(ended.out)["findings"]
    assert found == [
        {
            "rule": "invalid-project",
            "level": "error",
            "message": "ref('oders') is not a model or seed",
            "file": "models/users.ff.sql",
            "line": 2,
            "hint": "Did you mean 'orders' or 'users'?",
            "code": "FFT-110",
        },
        {
            "rule": "invalid-project",
            "level": "error",
            "message": "missing key 'version'",
            "file": "project.yml",
            "line": 1,
            "hint": None,
            "code": "FFT-105",
        },
    ]
    results = validated(json.loads((shop / "found.sarif").read_text()))
    assert [result["properties"]["code"] for result in results] == ["FFT-110", "FFT-105"]
    assert [place(result) for result in results] == [
        ("data/shop/models/users.ff.sql", 2),
        ("data/shop/project.yml", 1),
    ]


def test_warnings_alone_are_no_failure(shop: Path) -> None:
    write(shop, {"project.yml": "name: shop\nversion: '1'\n"})
    ended = ci_check(cwd=shop)
    assert (ended.code, ended.out.splitlines()[-1]) == (0, "3 warnings, 1 note")


def test_a_profile_need_not_be_named(shop: Path) -> None:
    profiles = "odd: 1\nrs: {engine: redshift}\nx_utest: {engine: duckdb}\ndev_duckdb: {engine: duckdb}\n"
    write(shop, {"profiles.yml": profiles, "models/ein kauf/orders.ff.sql": "select 1 as id", "sources.yml": ""})
    write(shop, {"models/users.ff.sql": "select id\nfrom {{ ref('orders') }}"})
    assert ci_check(".", cwd=shop) == Finished(0, "nothing found\n", "")
    assert "profile 'prod' does not exist [FFT-202]" in ci_check(".", "--env", "prod", cwd=shop).out
    write(shop, {"profiles.yml": "odd: ["})
    assert "profiles.yml:2: error: invalid YAML" in ci_check(".", cwd=shop).out


def test_neither_dagster_nor_a_driver_is_needed(tmp_path: Path) -> None:
    write(tmp_path, {**FILES, "sources.yml": "crm: {}\n", "models/users.ff.sql": "select 1 as order_id"})
    write(tmp_path, {"models/ein kauf/orders.ff.sql": "select order_id from {{ ref('users') }}"})
    script = (
        "import sys; sys.argv = ['fft', 'ci-check', sys.argv[1]]\n"
        "sys.modules['duckdb'] = None  # as if it were not installed\n"
        "from fft_cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "print([n for n in sys.modules if n.partition('.')[0] in ('dagster', 'pandas', 'pyarrow')])"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert ended.stdout == "nothing found\n[]\n"


def test_files_that_cannot_be_written_and_folders_without_a_project(tmp_path: Path) -> None:
    write(tmp_path, {**FILES, "here": "a file"})
    ended = ci_check("--sarif", "here/found.sarif", cwd=tmp_path)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("error: cannot write here/found.sarif: ")
    nowhere = ci_check("nowhere", cwd=tmp_path)
    assert (nowhere.code, nowhere.out) == (1, "")
    assert nowhere.err.startswith(f"error: {tmp_path / 'nowhere'}: this is not an FFT project")
    oracle = ci_check("--engine", "oracle", cwd=tmp_path)
    assert (oracle.code, oracle.out) == (1, "")
    known = "bigquery, databricks_spark, duckdb, postgres, snowflake_snowpark"
    assert oracle.err == f"error: unknown engine 'oracle' [FFT-203]\n    hint: Engines: {known}.\n"


def test_a_finding_keeps_its_fingerprint_when_lines_move(tmp_path: Path) -> None:
    findings = [Finding("unused-macro", "note", "no model uses it", Location(Path("models/m.sql"), n)) for n in (3, 9)]
    first, second = validated(sarif_report(findings, tmp_path))
    assert first["partialFingerprints"] == second["partialFingerprints"]
    assert place(first) == ("models/m.sql", 3)  # in no repository: relative to the project
