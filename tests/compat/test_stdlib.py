"""The helpers that each template has; their text on each engine is in tests/spelling."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from targets import Target
from written_projects import opened

from fft_core.compile.stdlib import SqlHelpers
from fft_core.engines.spec.registry import spec_of
from fft_core.errors import RenderError

SEED = "id,amount,day,country\n1,10.5,2026-01-03,DE\n2,,2026-02-01,AT\n3,7,2026-03-01,FR\n"
SEEDS = "columns: {rows: {id: integer, amount: string, day: date, country: string}}\n"
MODEL = """\
-- a comment in front of config(), with words such as select and with
{{ config(materialized='table', tags=['a'],) }}
{% set countries = var('countries') %}
select
    id,
    {{ ff_safe_cast("amount", "numeric", default="0") }} as amount,
    {{ ff_date_trunc("day", "month") }} as month,
    {{ ff_date_add("day", "day", 7) }} as later,
    {% if ff_is_engine('duckdb', 'postgresql') %}{{ var('none') | sql_literal }}{% else %}1{% endif %} as nothing,
    {{ ["it's", 1] | sql_literal }} as listed,
    '{{ ff_engine() }} {{ ff_engine_family() }} {{ engine() }} {{ var("engine") or env("FF_ENGINE") or "" }}' as engine
from {{ ref('rows') }}
where {{ ff_partition_in("country", countries) }} and {{ ff_partition_filter("day", "2026-01-01", env("LAST")) }};
"""
PROJECT = "name: shop\nversion: '1'\nvars: {countries: [DE, AT, \"x'y\"]}\n"


def test_helpers_do_the_same_on_each_engine(tmp_path: Path, target: Target) -> None:
    files = {
        "project.yml": PROJECT,
        "seeds/rows.csv": SEED,
        "seeds/schema.yml": SEEDS,
        "models/m.ff.sql": MODEL,
    }
    with target.profile() as profiles, opened(tmp_path, {**files, "profiles.yml": profiles}, LAST="2026-02-15") as shop:
        shop.build()
        relation = shop.warehouse.relation("m").sql(shop.warehouse.engine.spelling)
        dates = "cast(amount as double precision), cast(month as date), cast(later as date)"
        found = shop.rows(f"select id, {dates}, nothing, listed, engine from {relation} order by id")
    engine = target.engine
    assert [row[:6] for row in found] == [
        (1, 10.5, date(2026, 1, 1), date(2026, 1, 10), None, '["it\'s", 1]'),
        (2, 0.0, date(2026, 2, 1), date(2026, 2, 8), None, '["it\'s", 1]'),
    ]
    assert {row[6] for row in found} == {f"{engine} {engine} {engine} {engine}"}


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("ff_date_trunc('x', 'mont')", "'mont' is not a part of a date or time"),
        ("ff_date_add('x', 'day', 'two')", "ff_date_add(): 'two' is not a whole number"),
        ("ff_safe_cast('', 'int')", "an expression is missing"),
    ],
)
def test_what_makes_no_sense_is_an_error_of_the_model(tmp_path: Path, call: str, said: str) -> None:
    files = {"models/m.ff.sql": f"select 1 as a,\n{{{{ {call} }}}} as b"}
    with opened(tmp_path, files) as shop, pytest.raises(RenderError) as caught:
        shop.build()
    assert str(caught.value).startswith(f"models/m.ff.sql:2: {said}")


VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
)


@given(VALUES)
def test_a_literal_is_read_back(value: object) -> None:
    text = SqlHelpers(spec_of("duckdb").spelling).literal(value)
    assert duckdb.execute(f"select {text}").fetchall() == [(value,)]


@pytest.mark.parametrize("value", [date(2026, 1, 3), datetime(2026, 1, 3, 4, 5)])
def test_a_time_is_its_text(value: date) -> None:
    text = SqlHelpers(spec_of("duckdb").spelling).literal(value)
    assert duckdb.execute(f"select cast({text} as timestamp) = cast('{value}' as timestamp)").fetchall() == [(True,)]
