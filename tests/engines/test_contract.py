"""The engines of this repository pass the contract at the levels that they claim."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from autocommit_installed import autocommit_installed
from postgres_server import drop_schema, new_schema
from sweeps import FACTOR
from targets import Target

from fft_core.engine_check.outcomes import BrokenClaimError
from fft_core.engines.protocol import Session
from fft_core.engines.spec import Full, No
from fft_core.testing import LEVELS, EngineContract

ALL = dict.fromkeys(LEVELS, Full())


class TestDuckDB(EngineContract):
    engine = "duckdb"
    levels = ALL

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Mapping[str, Any]:
        return {"path": str(tmp_path / "db.duckdb")}


class TestPostgres(EngineContract):
    engine = "postgres"
    levels = ALL

    @pytest.fixture
    def settings(self, postgres_dsn: str) -> Iterator[Mapping[str, Any]]:
        schema = new_schema()
        yield {"dsn": postgres_dsn, "db_schema": schema}
        drop_schema(postgres_dsn, schema)


class TestPostgresWithoutTransactions(TestPostgres):
    engine = "autocommit"

    @pytest.fixture(autouse=True)
    def installed(self) -> Iterator[None]:
        with autocommit_installed():
            yield


class TestSnowflake(EngineContract):
    """Against fakesnow, an emulator: docs/reference/snowflake.md says what that proves, and what it does not."""

    engine = "snowflake_snowpark"
    levels = ALL

    @pytest.fixture
    def settings(self, snowflake_server: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        with Target(None, self.engine, snowflake_server).settings() as settings:
            yield settings


class TestBigQuery(EngineContract):
    """Against bqemulator, an emulator: docs/reference/bigquery.md says what that proves, and what it does not."""

    engine = "bigquery"
    levels = ALL

    @pytest.mark.xfail(reason="the emulator's names ignore case, BigQuery's do not", raises=BrokenClaimError)
    def test_names_are_folded_as_declared(self, session: Session) -> None:
        super().test_names_are_folded_as_declared(session)

    @pytest.fixture
    def settings(self, bigquery_server: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        with Target(None, self.engine, bigquery_server).settings() as settings:
            yield settings


# Of the contract, what a build of Spark's tests has time for: the other tests take 5 to 20 seconds each.
ON_SPARK = {
    "test_each_level_is_claimed",
    "test_a_capability_is_as_claimed",
    "test_what_is_there_is_described",
    "test_texts_come_back_as_they_are",
    "test_frames_come_back_as_they_went",
    "test_a_running_statement_is_interrupted",
    "test_rows_that_fail_a_check_are_not_published",
    "test_a_model_that_fails_leaves_the_table_of_before",
}


class TestSpark(EngineContract):
    """On tables of Parquet, by Spark Connect. See `test_spark_on_iceberg.py` for those of Iceberg."""

    engine = "databricks_spark"
    levels = ALL
    slow_query = "select count(*) from range(100000000000) as r where r.id % 7 = hash(r.id)"

    @pytest.fixture(autouse=True)
    def in_time(self, request: pytest.FixtureRequest) -> None:
        if FACTOR == 1 and request.node.originalname not in ON_SPARK:
            pytest.skip("takes minutes: FFT_SWEEP")

    @pytest.fixture
    def settings(self, spark_server: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        with Target(None, self.engine, spark_server).settings() as settings:
            yield settings


def test_a_wrong_claim_fails_either_way() -> None:
    """A level that works and is claimed not to; the other way is any failure."""
    from fft_core.testing.claims import expect

    with pytest.raises(pytest.fail.Exception, match=r"claimed as 'no: too old', but it works"):
        expect(No("too old"), "the level 'reads'", lambda: None)
    with pytest.raises(pytest.xfail.Exception, match="too old"):
        expect(No("too old"), "the level 'reads'", _fails)
    with pytest.raises(AssertionError):
        expect(Full(), "the level 'reads'", _fails)


def _fails() -> None:
    raise AssertionError
