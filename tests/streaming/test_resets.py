"""A reset takes back only the events that the source still has: others could not be read again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from targets import Target
from test_stream_models import SESSIONS, Shop, click, reset

from fft_core.build.stream_upkeep import stream_named, stream_status
from fft_core.errors import RequestError, StateError, StreamError
from fft_core.streaming import KafkaSource


@pytest.fixture
def shop(tmp_path: Path, target: Target) -> Iterator[Shop]:
    with target.profile(str(tmp_path / "db.duckdb")) as profile:
        shop = Shop(tmp_path / "shop", profile)
        shop.write({"models/visits.ff.yml": SESSIONS.replace("    event_id: id\n", "")})
        yield shop


def position_of(shop: Shop) -> str:
    with shop.run() as run:
        status = stream_status(run.sessions.of_thread(), stream_named(run.project, "visits"))
        return json.dumps(status.to_json()["position"])


def test_a_reset_to_the_present_position_changes_nothing_if_a_file_is_gone(shop: Shop) -> None:
    shop.click(click(0), click(10), click(100), file="old.jsonl")
    shop.click(click(200))
    shop.build()
    (shop.root / "clicks" / "old.jsonl").unlink()
    shop.click(click(300))
    shop.build()
    before = shop.visits()
    assert len(before) == 4
    reset(shop, position_of(shop))
    shop.build()
    assert shop.visits() == before


def test_a_reset_leaves_the_events_of_a_file_that_is_gone_since_then(shop: Shop) -> None:
    shop.click(click(0), file="old.jsonl")
    shop.click(click(200))
    shop.build()
    then = position_of(shop)
    shop.click(click(20), file="old.jsonl")
    shop.click(click(210))
    shop.build()
    before = shop.visits()
    (shop.root / "clicks" / "old.jsonl").unlink()
    reset(shop, then)
    assert sorted(shop.rows("id", "visits__events")) == [("a0",), ("a20",), ("a200",)]
    shop.build()
    assert shop.visits() == before


def test_a_reset_after_a_file_was_copied_and_truncated(shop: Shop) -> None:
    shop.click(click(0), click(10))
    shop.build()
    then, log = position_of(shop), shop.root / "clicks" / "a.jsonl"
    shop.click(click(20))
    shutil.copyfile(log, log.with_name("a.jsonl.1"))
    log.write_text("")
    shop.click(click(200))
    shop.build()
    before = shop.visits()
    for position in (position_of(shop), then):
        reset(shop, position)
        shop.build()
        assert shop.visits() == before


@pytest.mark.parametrize(
    "mark",
    [
        {"path": 5, "device": 1, "inode": 1},
        {"path": "clicks/a.jsonl", "device": 1, "inode": 1, "offset": "7"},
        {"path": "clicks/a.jsonl", "device": 1, "inode": 1, "offset": 1.5},
        {"path": "clicks/a.jsonl", "device": 1, "inode": 1, "offset": -7},
        {"path": "clicks/a.jsonl", "device": 1, "inode": 1, "offset": 7, "head": 5},
    ],
    ids=str,
)
def test_a_position_whose_values_have_other_types_is_refused(tmp_path: Path, mark: dict[str, object]) -> None:
    shop = Shop(tmp_path, f"dev: {{engine: duckdb, duckdb: {{path: {tmp_path}/db.duckdb}}}}\n")
    shop.click(click(0))
    shop.build()
    with pytest.raises(RequestError, match=r"this is not a position of files") as caught:
        reset(shop, json.dumps({"files": [mark]}))
    assert caught.value.code == "FFT-803"
    assert shop.visits()[0][3] == 1


@pytest.mark.parametrize(
    ("position", "said"),
    [
        ({"topic": "orders", "offsets": {"0": 5}}, "this is a position of the topic 'orders'"),
        ({"topic": "clicks", "offsets": {"0": -5}}, "this is not a position of a topic"),
        ({"topic": "clicks", "offsets": {"0": 1.5}}, "this is not a position of a topic"),
        ({"topic": "clicks", "offsets": {"0": "5"}}, "this is not a position of a topic"),
    ],
)
def test_a_position_of_another_topic_is_refused(position: dict[str, object], said: str) -> None:
    pytest.importorskip("confluent_kafka")
    with pytest.raises(StreamError, match=said):
        KafkaSource("127.0.0.1:1", "clicks").offsets(position)


@pytest.mark.parametrize(
    "change",
    [
        "position = '['",
        "position = '[]'",
        "counts = '5'",
        'partitions = \'{"a": ["x", "y"]}\'',
        "holder = '{}'",
        "settings = '{}'",
        "updated_at = null",
    ],
)
def test_a_reset_replaces_a_position_that_another_program_has_changed(shop: Shop, change: str) -> None:
    shop.click(click(0))
    shop.build()
    with shop.run() as run:
        run.sessions.of_thread().engine.execute(
            f"update {run.sessions.of_thread().relation('_ff_stream')} set {change}"
        )
    shop.click(click(10))
    with pytest.raises(StateError, match=r"the position of .* cannot be read") as caught:
        shop.build()
    assert "`fft stream reset --to earliest` replaces it" in str(caught.value)
    reset(shop, "earliest")
    shop.build()
    assert [row[3] for row in shop.visits()] == [2]


def test_events_that_somebody_has_dropped_are_an_error(shop: Shop) -> None:
    shop.click(click(0))
    shop.build()
    with shop.run() as run:
        warehouse = run.sessions.of_thread()
        warehouse.engine.execute(f"drop table {warehouse.relation('visits__events').sql(warehouse.engine.spelling)}")
    shop.click(click(10))
    with pytest.raises(StreamError, match=r"the 1 events of .*visits are gone: .*visits__events does not exist"):
        shop.build()
    assert [row[3] for row in shop.visits()] == [1]
    reset(shop, "earliest")
    shop.build()
    assert [row[3] for row in shop.visits()] == [2]
