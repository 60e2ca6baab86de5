"""The contract on Iceberg: run by `test_spark_on_iceberg.py` in a process of its own, with Spark 3.5 in it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from postgres_server import new_schema
from server_environment import drop_place

from fft_core.engines.spec import Full
from fft_core.testing import LEVELS, EngineContract

SETTINGS: Mapping[str, Any] = json.loads(os.environ["FFT_TEST_ICEBERG"])


@pytest.fixture
def settings() -> Iterator[Mapping[str, Any]]:
    database = new_schema()
    yield {**SETTINGS, "database": database}
    drop_place("databricks_spark", {**SETTINGS, "database": database})


class TestSparkOnIceberg(EngineContract):
    engine = "databricks_spark"
    levels = dict.fromkeys(LEVELS, Full())
    slow_query = "select count(*) from range(100000000000) as r where r.id % 7 = hash(r.id)"

    @pytest.fixture
    def settings(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        return settings
