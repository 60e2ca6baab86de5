"""The age of a backlog is that of its first record, and limits of the sensor are numbers that make sense."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from test_stream_models import SESSIONS, Shop, click

from fft_core import load_project
from fft_core.build.stream_upkeep import StreamStatus, stream_named, stream_status
from fft_core.errors import RequestError
from fft_core.streaming import FileTailSource
from fft_dagster import stream_sensor


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop", f"dev: {{engine: duckdb, duckdb: {{path: {tmp_path}/db.duckdb}}}}\n")


def status(shop: Shop) -> StreamStatus:
    with shop.run() as run:
        return stream_status(run.sessions.of_thread(), stream_named(run.project, "visits"))


def ago(**by: float) -> str:
    return (datetime.now(UTC) - timedelta(**by)).isoformat()


def age(shop: Shop) -> float:
    found = status(shop).backlog_age
    assert found is not None
    return found.total_seconds()


def test_a_file_that_is_written_all_the_time_has_the_age_of_its_first_unread_line(shop: Shop) -> None:
    shop.click({**click(0), "ts": ago(hours=3)}, {**click(1), "ts": ago(hours=2)})
    assert age(shop) == pytest.approx(3 * 3600, abs=60)
    shop.build()
    assert status(shop).backlog_age is None
    shop.click({**click(2), "ts": ago(minutes=30)}, {**click(3), "ts": ago(seconds=1)})
    assert age(shop) == pytest.approx(30 * 60, abs=60)


def test_of_several_files_the_oldest_counts(shop: Shop) -> None:
    shop.click({**click(0), "ts": ago(minutes=1)}, file="a.jsonl")
    shop.click({**click(1), "ts": ago(hours=5)}, file="b.jsonl")
    assert age(shop) == pytest.approx(5 * 3600, abs=60)


@pytest.mark.parametrize("line", ['{"broken', '{"ts": "soon"}\n', '{"id": "no time"}\n', "[]\n", '{"half": "a li'])
def test_without_a_readable_time_the_last_write_counts(shop: Shop, line: str) -> None:
    shop.click()
    path = shop.root / "clicks/a.jsonl"
    path.write_text(line)
    os.utime(path, (time.time() - 600, time.time() - 600))
    assert age(shop) == pytest.approx(600, abs=60)


def test_an_event_of_the_future_has_no_negative_age(shop: Shop) -> None:
    shop.click({**click(0), "ts": ago(days=-3)})
    assert 0 <= age(shop) < 60
    os.utime(shop.root / "clicks/a.jsonl", (time.time() + 600, time.time() + 600))
    assert age(shop) == 0


def test_times_that_are_numbers_and_lines_of_csv(shop: Shop) -> None:
    text = SESSIONS.replace("event_time: ts", "event_time: ts\n    event_time_unit: ms")
    shop.write({"models/visits.ff.yml": text})
    shop.click({**click(0), "ts": round((time.time() - 900) * 1000)})
    assert age(shop) == pytest.approx(900, abs=60)
    shop.write(
        {"models/visits.ff.yml": SESSIONS.replace("a.jsonl", "b.csv").replace("*.jsonl}", "*.csv, format: csv}")}
    )
    (shop.root / "clicks/b.csv").write_text(f"user_id,ts\na,{ago(hours=1)}\n")
    assert age(shop) == pytest.approx(3600, abs=60)


def test_a_source_without_an_event_time_has_the_last_write(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"n": 1}\n{"n": 2}\n')
    backlog = FileTailSource("a.jsonl", root=tmp_path).backlog({})
    assert (backlog.size, backlog.unit, list(backlog.first)) == (18, "bytes", [{"n": 1}])


def test_kafka_has_the_time_of_the_first_unread_message() -> None:
    kafka: Any = pytest.importorskip("confluent_kafka")
    from fft_core.streaming import KafkaSource

    producer = kafka.Producer({"bootstrap.servers": "x", "test.mock.num.brokers": 1})
    (broker,) = producer.list_topics(timeout=10).brokers.values()
    begin = round(time.time() * 1000)
    for number, minutes in enumerate((50, 40, 30)):
        producer.produce("t", json.dumps({"n": number}), partition=number % 2, timestamp=begin - minutes * 60_000)
    producer.flush()
    source = KafkaSource(f"{broker.host}:{broker.port}", "t")
    assert source.backlog({}).oldest == pytest.approx((begin - 50 * 60_000) / 1000)
    _, position = source.poll({"topic": "t", "offsets": {"0": 1}}, 100)
    assert source.backlog({"topic": "t", "offsets": {"0": 1}}).oldest == pytest.approx((begin - 40 * 60_000) / 1000)
    assert source.backlog({"topic": "t", "offsets": {"0": 1, "1": 1}}).oldest == pytest.approx(
        (begin - 30 * 60_000) / 1000
    )
    assert (source.backlog(position).size, source.backlog(position).oldest) == (0, None)
    source.close()


@pytest.mark.parametrize("backlog", [0, -1, True, 1.5, "10"])
def test_a_backlog_that_is_no_number_of_records(shop: Shop, backlog: Any) -> None:
    project = load_project(shop.root, "dev", environment={})
    with pytest.raises(RequestError, match=r"stream_sensor: backlog must be a whole number, 1 or more, and not"):
        stream_sensor(project, backlog=backlog)


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), "60"])
def test_an_age_that_is_no_time(shop: Shop, seconds: Any) -> None:
    project = load_project(shop.root, "dev", environment={})
    with pytest.raises(RequestError, match=r"stream_sensor: age_seconds must be a number of seconds, 0 or more"):
        stream_sensor(project, age_seconds=seconds)
