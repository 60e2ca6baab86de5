"""Each type of check on a local Spark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from checks_on_servers import check_all, session_on
from sweeps import only_in_sweeps

ABSENT = ("uuid", "infinity")
TYPES = {
    ("bigint", "bigint"): 0,
    ("bigint", "integer"): 0,  # whole numbers of frames are stored as bigint
    ("int", "integer"): 1,
    ("decimal(9, 2)", "decimal(9, 2)"): 0,
    ("decimal(9, 3)", "decimal(9, 2)"): 1,
    ("string", "varchar"): 0,
    ("double", "double"): 0,
    ("boolean", "boolean"): 0,
    ("date", "timestamp"): 1,
}


@only_in_sweeps
def test_each_check_finds_what_it_finds_elsewhere(
    spark_server: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with session_on("databricks_spark", spark_server) as session:
        check_all(session, monkeypatch, ABSENT, TYPES)
