"""What the tests of commands that run something share: a project with one of each, and two ways to call `fft`."""

from __future__ import annotations

import json
import os
import re
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from fft_process import FFT, run_process

SHOP: Mapping[str, str] = {
    "project.yml": """\
        name: shop
        version: "1"
        tests:
          - {type: not_null, table: users, column: id, tags: [batch]}
          - {type: accepted_values, table: users, column: email, values: [a@x.at], severity: warn}
          - {type: unique, table: history, column: [id, email]}
        """,
    "profiles.yml": "dev: {engine: duckdb, duckdb: {path: dev.duckdb}}\n",
    "sources.yml": """\
        version: 2
        sources:
          - name: crm
            tables:
              - name: users
                identifier: crm_users
                columns: [{name: id, tests: [unique]}]
        """,
    "seeds/names.csv": "id,name\n1,Ann\n2,Bob\n",
    "models/users.ff.sql": """\
        select u.id, u.email, n.name
        from {{ source('crm', 'users') }} as u left join {{ ref('names') }} as n on n.id = u.id
        """,
    "models/domains.ff.sql": """\
        {{ config(materialized='view', tags=['nightly']) }}
        select split_part(email, '@', 2) as domain from {{ ref('users') }}
        """,
    "models/history.ff.sql": """\
        {{ config(materialized='snapshot', unique_key='id', snapshot={'strategy': 'check', 'check_cols': 'all'}) }}
        select id, email from {{ source('crm', 'users') }}
        """,
}


def shop(root: Path) -> Path:
    """Write the project; its source has two rows."""
    with duckdb.connect(str(write(root, SHOP) / "dev.duckdb")) as connection:
        connection.execute("create table crm_users as select * from (values (1, 'a@x.at'), (2, 'b@x.at')) t(id, email)")
    return root


@dataclass(frozen=True)
class Finished:
    """What a call gave."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """What was printed, with one blank between words and without times."""
        return golden(self.out)

    @property
    def events(self) -> list[dict[str, Any]]:
        """What was printed with --json."""
        return [json.loads(line) for line in self.out.splitlines()]


Fft = Callable[..., Finished]


def golden(text: str) -> list[str]:
    """Return the lines of a text, with one blank between words and without times."""
    lines = (" ".join(line.split()) for line in text.splitlines() if line.strip())
    return [re.sub(r"[\d.,]+ (m?s)(?=$| for \d+ checks)", r"N \1", line) for line in lines]


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(content))
    return folder


def clean_environment(**environment: str) -> dict[str, str]:
    own = ("FF_", "FFT_", "DAGSTER_", "NO_COLOR")
    return {**{name: value for name, value in os.environ.items() if not name.startswith(own)}, **environment}


def installed_fft(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> Finished:
    """Call the installed command; its output is a pipe."""
    finished = run_process(FFT, *arguments, cwd=cwd, environment=clean_environment(**environment))
    return Finished(finished.returncode, finished.stdout, finished.stderr)


def called_fft(
    arguments: tuple[str | Path, ...], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Finished:
    """Call the same function in this process, where Dagster is imported already."""
    from fft_cli import main

    for name in [name for name in os.environ if name.startswith(("FF_", "FFT_", "DAGSTER_", "NO_COLOR"))]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "argv", ["fft", *map(str, arguments)])
    capfd.readouterr()
    try:
        main()
        code: Any = 0
    except SystemExit as end:
        code = end.code or 0
    out, err = capfd.readouterr()
    return Finished(code, out, err)


def run_results(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / ".fastflowtransform" / "target" / "run_results.json").read_text())
    return found


def rows(root: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(root / "dev.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()
