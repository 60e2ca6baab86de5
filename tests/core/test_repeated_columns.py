"""Two columns of one name are an error, with the model's file, whatever it becomes and whichever engine it is on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from targets import Target
from written_projects import opened

from fft_core import FftError

JOIN = "select * from (select 1 as id, 2 as b) as x join (select 1 as id, 3 as c) as y on x.id = y.id"
TWICE = ["select 1 as id, 1 as a, 2 as a", JOIN, "select 1 as id, 1 as a_1, 2 as a, 3 as a"]
CONFIGS = [
    "materialized='table'",
    "materialized='view'",
    "materialized='incremental', unique_key='id'",
    "materialized='incremental', unique_key='id', updated_at_column='id', lookback=1",
    "materialized='snapshot', unique_key='id', snapshot={'strategy': 'check', 'check_cols': 'all'}",
]


@pytest.fixture
def profile(target: Target) -> Iterator[str]:
    with target.profile() as text:
        yield text


def build(folder: Path, profile: str, config: str, query: str) -> list[str]:
    """Build a model; give the names of its columns."""
    files = {"profiles.yml": profile, "models/m.ff.sql": f"{{{{ config({config}) }}}}\n{query}\n"}
    with opened(folder, files) as shop:
        (result,) = shop.build()
        return [column.name for column in result.columns if not column.name.startswith("_ff")]


@pytest.mark.parametrize("query", TWICE)
@pytest.mark.parametrize("config", CONFIGS)
def test_two_columns_of_one_name(tmp_path: Path, profile: str, config: str, query: str) -> None:
    with pytest.raises(FftError) as caught:
        build(tmp_path, profile, config, query)
    name = "id" if query == JOIN else "a"
    assert str(caught.value).startswith(f"models/m.ff.sql:1: model 'm': the query has two columns called '{name}'")
    assert "hint: Name each differently; of a join, select" in str(caught.value)


@pytest.mark.parametrize("config", CONFIGS)
def test_names_that_differ_in_case(tmp_path: Path, profile: str, config: str, target: Target) -> None:
    query = 'select 1 as id, 1 as a, 2 as "A"'
    if target.engine == "postgres" and "table" in config:
        assert build(tmp_path, profile, config, query) == ["id", "a", "A"]
    if target.engine == "duckdb":
        with pytest.raises(FftError, match=r"m.ff.sql:1: .*the columns 'a' and 'A', which are the same name"):
            build(tmp_path, profile, config, query)


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize(
    "query",
    [
        "select 1 as id, 1 as a, 2 as a_1",
        "select 1 as id, 'x' as address, 'y' as address_1, 'z' as address_2",
        "select * from (select 1 as id, 2 as b) as x join (select 1 as id, 3 as c) as y using (id)",
    ],
)
def test_names_with_a_number_behind_are_names(tmp_path: Path, profile: str, config: str, query: str) -> None:
    assert build(tmp_path, profile, config, query)[0] == "id"
