"""`_ff_loaded_at` of a seed is part of its rows: readers see when its content was first loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from shops import TABLE, Shop, shop_on, states
from targets import Target

from fft_core.operations.forget import forget_builds


@pytest.fixture
def shop(tmp_path: Path, target: Target) -> Iterator[Shop]:
    with shop_on(target, tmp_path) as made:
        files = {"seeds/raw.csv": "id\n1\n", "models/reader.ff.sql": TABLE + "select * from {{ ref('raw') }}"}
        made.write(files)
        made.build()
        yield made


def loaded(shop: Shop, name: str) -> list[object]:
    return shop.rows(name, "_ff_loaded_at")


def test_the_same_content_keeps_the_time_of_its_first_load(shop: Shop) -> None:
    first = loaded(shop, "raw")
    assert loaded(shop, "reader") == first
    assert states(shop.build("raw", cache="wo")) == {"raw": "built"}
    assert states(shop.build()) == {"raw": "reused", "reader": "reused"}
    assert loaded(shop, "raw") == loaded(shop, "reader") == first


def test_a_seed_that_was_dropped_comes_back_as_it_was(shop: Shop) -> None:
    first = loaded(shop, "raw")
    shop.execute("drop table {}", "raw")
    assert states(shop.build()) == {"raw": "built", "reader": "reused"}
    assert loaded(shop, "raw") == loaded(shop, "reader") == first


@pytest.mark.parametrize(
    "changed", [{"seeds/raw.csv": "id\n2\n"}, {"seeds/schema.yml": "columns:\n  raw: {id: text}\n"}]
)
def test_other_content_or_types_are_a_new_load(shop: Shop, changed: dict[str, str]) -> None:
    first = loaded(shop, "raw")
    shop.write(changed)
    assert states(shop.build()) == {"raw": "built", "reader": "built"}
    assert loaded(shop, "raw") == loaded(shop, "reader") != first


def test_a_seed_whose_record_was_forgotten_is_a_new_load_and_its_readers_see_it(shop: Shop) -> None:
    with shop.open() as warehouse:
        forget_builds(warehouse, ["raw"])
    assert states(shop.build()) == {"raw": "built", "reader": "built"}
    assert loaded(shop, "raw") == loaded(shop, "reader")


def test_the_plan_says_what_the_build_does(shop: Shop) -> None:
    shop.execute("drop table {}", "raw")
    assert shop.due() == {"raw": ["relation_missing"]}
    shop.write({"seeds/raw.csv": "id\n2\n"})
    assert shop.due()["reader"] == ["input_changed"]
