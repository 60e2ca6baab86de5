"""BigQuery's golden statements, read by the parser of GoogleSQL itself."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from server_environment import UnavailableError, python_of
from sweeps import only_in_sweeps

TESTS = Path(__file__).parent.parent
JUDGE = TESTS / "engines" / "servers" / "googlesql_judge.py"
REQUIREMENTS = ("zetasql==0.1.5",)
STATEMENT = re.compile(r"(?:select|with|create|insert|update|delete|merge|alter|drop|begin|commit|truncate|rollback)\b")


def statements(path: Path) -> list[str]:
    """Return the statements of a golden file; the expressions of checks as queries."""
    found = list[str]()
    for block in path.read_text(encoding="utf-8").split("\n-- "):
        text = block.partition("\n")[2].strip().rstrip(";")
        if not text or STATEMENT.match(text):
            found.append(text)
            continue
        expression, separator, query = text.partition("\nselect ")
        found += [f"select {expression}", f"select {query}" if separator else ""]
    return [text for text in found if text]


@only_in_sweeps
def test_googlesql_reads_every_statement() -> None:
    """Starting the parser takes a minute, so one process reads all. GoogleSQL's grammar is larger than BigQuery's."""
    try:
        python = python_of("zetasql", REQUIREMENTS)
    except UnavailableError as error:
        pytest.skip(str(error))
    texts = [text for folder in ("spelling", "checks") for text in statements(TESTS / folder / "golden/bigquery.sql")]
    assert len(texts) > 150
    wrong = ["select * from (values (1)) as v(a)", "comment on table t is 'x'", "select 'it''s'"]
    finished = subprocess.run(
        [python, JUDGE], input=json.dumps([*texts, *wrong]), capture_output=True, text=True, timeout=900, check=True
    )
    errors = json.loads(finished.stdout)
    assert {text: error for text, error in zip(texts, errors, strict=False) if error} == {}
    assert all(errors[len(texts) :])
