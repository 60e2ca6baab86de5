"""Streams that are gone from a project: the tables beside their own, and their positions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from targets import Target
from test_changed_settings import sessionizer
from test_stream_command import fft
from test_stream_models import SESSIONS, Shop, click

BESIDE = ("visits__events", "visits__late", "visits__dead")


@pytest.fixture
def shop(tmp_path: Path, target: Target) -> Iterator[Shop]:
    with target.profile(str(tmp_path / "db.duckdb")) as profile:
        made = Shop(tmp_path / "shop", profile)
        made.write({"models/visits.ff.yml": SESSIONS + "    allowed_lateness: 1 hour\n"})
        made.click(click(100), click(0), {"no": "event"})
        made.build()
        yield made


def there(shop: Shop, *names: str) -> set[str]:
    with shop.run() as run:
        warehouse = run.sessions.of_thread()
        return {relation.name for relation in warehouse.engine.inspect([warehouse.engine.relation(n) for n in names])}


def positions(shop: Shop) -> int:
    with shop.run() as run:
        engine = run.sessions.of_thread().engine
        ((count,),) = engine.fetch(f"select count(*) from {engine.relation('_ff_stream').sql(engine.spelling)}")
        return int(count)


def clean(shop: Shop, *more: str) -> tuple[int, list[str]]:
    code, output, errors = fft(shop, "clean", ".", "--orphans", *more)
    assert errors == ""
    return code, output.splitlines()


def remove(shop: Shop) -> None:
    (shop.root / "models/visits.ff.yml").unlink()
    shop.write({"models/mart.ff.sql": "select 1 as n"})


def test_all_tables_of_a_removed_stream_are_listed_and_dropped(shop: Shop) -> None:
    assert there(shop, "visits", *BESIDE) == {"visits", *BESIDE}
    assert clean(shop, "--dry-run") == (0, ["nothing to remove"])
    remove(shop)
    assert "4 tables or views of models that are no longer in the project" in fft(shop, "plan", ".")[1]
    code, listed = clean(shop, "--dry-run")
    assert (code, listed[-1]) == (0, "4 would be removed")
    for name in BESIDE:
        assert any(name in line and "kept by the stream visits" in line for line in listed)
    assert there(shop, "visits", *BESIDE) == {"visits", *BESIDE}
    assert clean(shop)[1][-1] == "4 removed"
    assert there(shop, "visits", *BESIDE) == set()
    assert positions(shop) == 0
    assert clean(shop) == (0, ["nothing to remove"])


def test_tables_beside_a_stream_that_is_another_model_now(shop: Shop) -> None:
    (shop.root / "models/visits.ff.yml").unlink()
    shop.write({"models/visits.ff.sql": "select 1 as user_id, 1 as clicks"})
    shop.build()
    code, listed = clean(shop)
    assert (code, listed[-1]) == (0, "3 removed")
    assert all("visits is not a stream any more" in line for line in listed[:-1])
    assert there(shop, "visits", *BESIDE) == {"visits"}
    assert positions(shop) == 0
    assert shop.rows() == [(1, 1, 1)]


def test_tables_of_others_with_such_names_stay(shop: Shop) -> None:
    with shop.run() as run:
        warehouse = run.sessions.of_thread()
        late = warehouse.engine.relation("visits__late").sql(warehouse.engine.spelling)
        warehouse.engine.execute(f"drop table {late}")
        warehouse.engine.execute(f"create table {late} as select 1 as mine")
    remove(shop)
    shop.write({"models/visits__dead.ff.sql": "select 1 as i"})
    clean(shop)
    assert there(shop, "visits", *BESIDE) == {"visits__late", "visits__dead"}


def test_a_table_that_a_sessionizer_writes_now_stays(shop: Shop) -> None:
    with shop.run() as run, sessionizer(shop, run, 30) as writer:
        writer.process_batch(pa.Table.from_pylist([click(5)]))
    remove(shop)
    assert clean(shop) == (0, ["nothing to remove"])
    assert there(shop, "visits", *BESIDE) == {"visits", *BESIDE}


def test_a_database_file_that_was_renamed_keeps_its_positions(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop", f"dev: {{engine: duckdb, duckdb: {{path: {tmp_path}/one.duckdb}}}}\n")
    shop.write({"models/visits.ff.yml": SESSIONS.replace("    event_id: id\n", "")})
    shop.click(click(0))
    shop.build()
    (tmp_path / "one.duckdb").rename(tmp_path / "two.duckdb")
    shop.write({"profiles.yml": f"dev: {{engine: duckdb, duckdb: {{path: {tmp_path}/two.duckdb}}}}\n"})
    shop.click(click(10))
    shop.build()
    assert shop.rows() == [("a", 1, 2)]
    assert positions(shop) == 1
