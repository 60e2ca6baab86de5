"""What a query is expected to process, where the engine can tell; None, and never 0, where it cannot."""

from __future__ import annotations

import pytest

from fft_core.engines.protocol import Session
from fft_core.errors import StatementError


def test_a_larger_table_is_expected_to_cost_more(engines: dict[str, Session]) -> None:
    engine = engines["postgres"]
    with engine.transaction():
        for name, rows in (("small", 10), ("large", 10_000)):
            engine.execute(
                f"create temporary table {name} as select i, 'text' as t from generate_series(1, {rows}) as i"
            )
            engine.execute(f"analyze {name}")
        small, large = (engine.estimates.bytes_of(f"select * from {name}") for name in ("small", "large"))
        both = engine.estimates.bytes_of("select count(*) from small, large")
        for name in ("small", "large"):
            engine.execute(f"drop table {name}")
    assert small is not None
    assert large is not None
    assert both is not None
    assert 10 * small < large
    assert large // 2 < both


def test_a_query_that_is_wrong_is_an_error(engines: dict[str, Session]) -> None:
    with pytest.raises(StatementError, match="nowhere"):
        engines["postgres"].estimates.bytes_of("select * from nowhere")


def test_what_is_not_known_is_none(engines: dict[str, Session]) -> None:
    assert engines["duckdb"].estimates.bytes_of("select 1") is None
