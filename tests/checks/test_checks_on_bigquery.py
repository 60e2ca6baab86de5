"""Each type of check on BigQuery's protocol: an emulator runs the SQL of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from checks_on_servers import check_all, session_on
from sweeps import only_in_sweeps

ABSENT = ("uuid", "infinity")
TYPES = {
    ("integer", "bigint"): 0,
    ("int64", "integer"): 0,
    ("numeric", "decimal(9, 2)"): 0,
    ("string", "varchar"): 0,
    ("double", "double"): 0,
    ("integer", "double"): 1,
    ("datetime", "timestamp"): 0,
    ("timestamp", "timestamptz"): 0,
    ("boolean", "boolean"): 0,
    ("date", "timestamp"): 1,
}


@only_in_sweeps
def test_each_check_finds_what_it_finds_elsewhere(
    bigquery_server: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with session_on("bigquery", bigquery_server) as session:
        check_all(session, monkeypatch, ABSENT, TYPES)
