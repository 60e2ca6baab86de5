"""Objects of S3, in a server of its own: each once, also when several have one time, or appear late."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fft_core.errors import StreamError
from fft_core.streaming import S3Source
from fft_core.streaming.source import ERROR, OFFSET, PARTITION

boto3 = pytest.importorskip("boto3")
moto_server = pytest.importorskip("moto.server")
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


class Store:
    """A bucket whose objects get the times that they are given."""

    def __init__(self, endpoint: str, bucket: str) -> None:
        self.endpoint, self.bucket = endpoint, bucket
        self._client: Any = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        self._client.create_bucket(Bucket=bucket)

    def put(self, key: str, content: bytes, at: datetime = NOW) -> None:
        from moto.s3.models import s3_backends

        self._client.put_object(Bucket=self.bucket, Key=key, Body=content)
        for backend in s3_backends["123456789012"].values():
            if self.bucket in backend.buckets:
                backend.buckets[self.bucket].keys[key].last_modified = at.replace(tzinfo=None)

    def lines(self, key: str, numbers: Sequence[int], at: datetime = NOW) -> None:
        self.put(key, "\n".join(json.dumps({"n": n}) for n in numbers).encode(), at)

    def source(self, pattern: str = "clicks/*.jsonl", **more: Any) -> S3Source:
        path = f"s3://{self.bucket}/{pattern}"
        return S3Source(path, endpoint=self.endpoint, region="us-east-1", **more)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = moto_server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def store(endpoint: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Store:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    return Store(endpoint, f"b{abs(hash(request.node.name)) % 10**9}")


class Reader:
    """Has the position as JSON, and nothing else."""

    def __init__(self, source: S3Source) -> None:
        self.source, self.position = source, "{}"
        self.read: list[Any] = []

    def poll(self, limit: int = 1000) -> list[Any]:
        batch, position = self.source.poll(json.loads(self.position), limit)
        self.position = json.dumps(position)
        found = batch.column("n").to_pylist() if "n" in batch.column_names else []
        self.read += found
        return found


def test_each_object_once_the_oldest_first(store: Store) -> None:
    store.lines("clicks/b.jsonl", [3, 4], NOW)
    store.lines("clicks/z/a.jsonl", [1, 2], NOW - timedelta(hours=2))
    store.lines("other/a.jsonl", [9])
    store.lines("clicks/a.txt", [9])
    reader = Reader(store.source())
    assert store.source().backlog({}).size == 2
    assert reader.poll() == [1, 2, 3, 4]
    assert reader.poll() == []
    assert store.source().backlog(json.loads(reader.position)).size == 0


def test_several_of_one_second_and_those_that_appear_late(store: Store) -> None:
    store.lines("clicks/a.jsonl", [1])
    reader = Reader(store.source(grace=60))
    assert reader.poll() == [1]
    store.lines("clicks/c.jsonl", [2])  # of the same second
    store.lines("clicks/0.jsonl", [3], NOW - timedelta(seconds=50))  # a slow upload
    assert reader.poll() == [3, 2]
    store.lines("clicks/d.jsonl", [4], NOW + timedelta(hours=1))
    assert reader.poll() == [4]
    assert reader.poll() == []


def test_what_appears_behind_the_grace_is_an_error(store: Store) -> None:
    store.lines("clicks/a.jsonl", [1], NOW - timedelta(hours=2))
    store.lines("clicks/b.jsonl", [2])
    reader = Reader(store.source(grace=60))
    reader.poll()
    store.lines("clicks/late.jsonl", [3], NOW - timedelta(hours=1))
    with pytest.raises(
        StreamError,
        match=r"1 objects of .* appeared with times before .*, outside of the grace "
        r"period",
    ):
        reader.poll()


def test_an_object_that_is_written_again_is_read_again(store: Store) -> None:
    store.lines("clicks/a.jsonl", [1])
    reader = Reader(store.source())
    reader.poll()
    store.lines("clicks/a.jsonl", [1, 2], NOW + timedelta(seconds=5))
    assert reader.poll() == [1, 2]


def test_objects_in_parts(store: Store) -> None:
    store.lines("clicks/a.jsonl", range(5))
    store.lines("clicks/b.jsonl", range(5, 10), NOW + timedelta(seconds=1))
    reader = Reader(store.source())
    assert [reader.poll(3) for _ in range(5)] == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9], []]


def test_csv_and_parquet(store: Store) -> None:
    store.put("csv/a.csv", b"n,t\n1,x\n2\n")
    batch, _ = store.source("csv/*.csv", format="csv").poll({}, 10)
    assert batch.column("n").to_pylist() == ["1", None]
    assert batch.column(ERROR).to_pylist() == [None, "it has 1 values for 2 columns"]
    for name, n in (("a", pa.array([1, 2])), ("b", pa.array([0.5]))):
        stream = io.BytesIO()
        pq.write_table(pa.table({"n": n}), stream)
        store.put(f"parquet/{name}.parquet", stream.getvalue())
    source = store.source("parquet/*.parquet", format="parquet")
    batch, position = source.poll({}, 2)
    assert batch.column("n").to_pylist() == [1, 2]
    assert batch.column(OFFSET).to_pylist() == [0, 1]
    copy = f"{store.bucket}/parquet/a.parquet@2026-06-01T12:00:00"
    assert (batch.column(PARTITION).to_pylist()[0] or "").endswith(f"#{copy}")
    batch, _ = source.poll(position, 2)
    assert batch.column("n").to_pylist() == [0.5]
    assert source.poll({}, 5)[0].column("n").to_pylist() == [1.0, 2.0, 0.5]


def test_the_end_and_what_is_no_position(store: Store) -> None:
    store.lines("clicks/a.jsonl", [1])
    source = store.source()
    assert source.poll(source.end(), 10)[0].num_rows == 0
    with pytest.raises(StreamError, match="this is not a position of objects"):
        source.poll({"offsets": 1}, 10)
    with pytest.raises(StreamError, match="does not name all that were read"):
        source.offsets(source.end())


def test_a_bucket_that_is_not_there(store: Store) -> None:
    with pytest.raises(StreamError, match=r"'b' is not a path of S3"):
        S3Source("b")
    source = S3Source("s3://no-such-bucket-here/a/*", endpoint=store.endpoint, region="us-east-1")
    with pytest.raises(StreamError, match="the bucket does not exist"):
        source.poll({}, 1)


def test_an_object_that_appears_before_one_that_was_read_in_part(store: Store) -> None:
    store.lines("clicks/b.jsonl", range(10))
    source = store.source()
    batch, position = source.poll({}, 4)
    store.lines("clicks/a.jsonl", range(100, 103), NOW - timedelta(minutes=1))
    read: list[Any] = []
    while batch.num_rows:
        read += batch.column("n").to_pylist()
        batch, position = source.poll(position, 4)
    assert sorted(read) == [*range(10), *range(100, 103)]


def test_an_object_that_was_replaced_while_it_was_read_is_read_from_its_begin(store: Store) -> None:
    store.lines("clicks/a.jsonl", range(10))
    source = store.source()
    _, position = source.poll({}, 4)
    store.lines("clicks/a.jsonl", range(100, 103), NOW + timedelta(minutes=1))
    assert source.poll(position, 100)[0].column("n").to_pylist() == [100, 101, 102]


def test_names_of_csv_objects_are_read_as_those_of_files(store: Store) -> None:
    store.put("clicks/a.csv", b'\xef\xbb\xbf"n", "a,b"\r\n1,x\r\n')
    store.put("clicks/b.csv", b"")
    source = store.source("clicks/*.csv", format="csv")
    rows = source.poll({}, 100)[0].drop_columns(["_ff_partition", "_ff_offset", "_ff_bytes", ERROR]).to_pylist()
    assert rows == [{"n": "1", "a,b": "x"}]
    store.put("clicks/c.csv", b"n,n\n1,2\n")
    with pytest.raises(StreamError, match=r"clicks/c.csv: its first line is not one of names: n, n"):
        source.poll({}, 100)


def test_a_parquet_object_with_columns_of_ours(store: Store) -> None:
    file = io.BytesIO()
    pq.write_table(pa.table({"n": [1], PARTITION: ["x"], ERROR: ["y"]}), file)
    store.put("clicks/a.parquet", file.getvalue())
    batch, _ = store.source("clicks/*.parquet", format="parquet").poll({}, 100)
    assert batch.column(ERROR).to_pylist() == ["it has a column '_ff_partition', which cannot be stored"]
