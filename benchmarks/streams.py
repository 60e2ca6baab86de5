"""`python benchmarks/streams.py`: events per second into sessions, latency, and the cost of a batch as the table grows.

Prints Markdown. `--events` is how many are read for each batch size, `--grow` to how many the table grows; `--peer` is
a Python that has Bytewax, which makes sessions of the same events, in memory; `--quix` one that has Quix Streams and
confluent-kafka, which reads them from a topic of the broker that librdkafka brings.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from fft_core.engines.protocol import open_session
from fft_core.streaming import FileTailSource, StreamSessionizer

BEGIN = datetime(2026, 1, 1)
MEASURES = {"pageviews": "count(*)", "revenue": "sum(amount)", "last_page": "last(page)"}
BLOCK = 1_000  # events of one minute or so, in which a hundred users are there
USERS = 20_000


class Place:
    """A DuckDB file."""

    def __init__(self, folder: Path) -> None:
        self.engine = open_session("duckdb", {"path": str(folder / "db.duckdb")})

    def sessionizer(self) -> StreamSessionizer:
        """Return a stream of sessions."""
        return StreamSessionizer(
            self, "sessions", key="user_id", event_time="ts", event_id="event_id", measures=MEASURES
        )


def event(number: int, chance: random.Random) -> dict[str, Any]:
    """Return one event: its time is up to five seconds before or after that of its neighbours."""
    at = BEGIN + timedelta(milliseconds=number * 50 + chance.randrange(5_000))
    user = (number // BLOCK * 37 + chance.randrange(100)) % USERS
    page, amount = f"/p{chance.randrange(50)}", chance.randrange(1_000) / 100
    return {"user_id": f"u{user}", "ts": at.isoformat() + "Z", "event_id": f"e{number}", "page": page, "amount": amount}


def frames(events: int, size: int) -> Iterator[pa.Table]:
    """Return the same events as frames."""
    chance = random.Random(0)
    for first in range(0, events, size):
        yield pa.Table.from_pylist([event(first + i, chance) for i in range(size)])


def write_lines(path: Path, events: int) -> None:
    """Write events into a file."""
    chance = random.Random(0)
    with path.open("w") as lines:
        lines.writelines(json.dumps(event(number, chance)) + "\n" for number in range(events))


def rate(events: int, size: int) -> tuple[float, float]:
    """Read a file batch by batch; return events per second, and the median seconds of a batch."""
    with tempfile.TemporaryDirectory() as folder:
        path, seconds = Path(folder) / "events.jsonl", list[float]()
        write_lines(path, events)
        place = Place(Path(folder))
        source, sessionizer = FileTailSource(path), place.sessionizer()
        while True:
            began = time.perf_counter()
            if not sessionizer.process(source, size).given:
                break
            seconds.append(time.perf_counter() - began)
        place.engine.close()
        return events / sum(seconds), statistics.median(seconds)


def kafka_rate(events: int, size: int) -> float:
    """Read a topic of librdkafka's own broker batch by batch; return events per second."""
    import confluent_kafka

    from fft_core.streaming import KafkaSource

    producer: Any = confluent_kafka.Producer({"bootstrap.servers": "x", "test.mock.num.brokers": 1})
    (broker,) = producer.list_topics(timeout=10).brokers.values()
    chance = random.Random(0)
    for number in range(events):
        producer.produce("events", json.dumps(event(number, chance)), key=str(number % 4))
        if number % 10_000 == 0:
            producer.flush()
    producer.flush()
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        source, sessionizer, read, spent = (
            KafkaSource(f"{broker.host}:{broker.port}", "events"),
            place.sessionizer(),
            0,
            0.0,
        )
        while True:
            began = time.perf_counter()
            given = sessionizer.process(source, size).given
            if not given:
                break
            read, spent = read + given, spent + time.perf_counter() - began
        source.close()
        place.engine.close()
        return read / spent


def latencies(seconds: float, per_second: int) -> list[float]:
    """Append events all the time; return how long each batch of ten took until its sessions were published."""
    with tempfile.TemporaryDirectory() as folder:
        path, stop, written = Path(folder) / "events.jsonl", threading.Event(), list[tuple[int, float]]()
        path.touch()

        def write() -> None:
            chance, number = random.Random(0), 0
            while not stop.is_set():
                with path.open("a") as lines:
                    lines.writelines(json.dumps(event(number + i, chance)) + "\n" for i in range(10))
                number += 10
                written.append((number, time.perf_counter()))
                time.sleep(10 / per_second)

        place = Place(Path(folder))
        source, sessionizer, done, found = FileTailSource(path), place.sessionizer(), 0, list[float]()
        writer = threading.Thread(target=write)
        writer.start()
        until, place_in_list = time.perf_counter() + seconds, 0
        while time.perf_counter() < until:
            done += sessionizer.process(source).given
            now = time.perf_counter()
            while place_in_list < len(written) and written[place_in_list][0] <= done:
                found.append(now - written[place_in_list][1])
                place_in_list += 1
            time.sleep(0.01)
        stop.set()
        writer.join()
        place.engine.close()
        return found[len(found) // 10 :]  # without the first one, which loads modules


def growth(events: int, size: int, late_share: float = 0.01) -> Iterator[tuple[int, float, int]]:
    """Let a table grow; yield its events, the median processor seconds of a batch, and the bytes of its file."""
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        sessionizer, seconds, done, chance = place.sessionizer(), list[float](), 0, random.Random(1)
        for frame in frames(events, size):
            texts: list[Any] = frame.column("ts").to_pylist()
            late = [timedelta(hours=1) * (chance.random() < late_share) for _ in texts]
            values = [datetime.fromisoformat(t[:-1]) - by for t, by in zip(texts, late, strict=True)]
            times = pa.array(values, pa.timestamp("us"))
            frame = frame.set_column(frame.column_names.index("ts"), "ts", times)
            began = time.process_time()
            sessionizer.process_batch(frame)
            seconds.append(time.process_time() - began)
            done += size
            if done % (events // 5) == 0:
                yield done, statistics.median(seconds[-20:]), (Path(folder) / "db.duckdb").stat().st_size
        place.engine.close()


PEER = """
import json, sys, time
from datetime import datetime, timedelta, timezone
import bytewax.operators as op
import bytewax.operators.windowing as w
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSource, TestingSink, run_main

lines = open(sys.argv[1]).read().splitlines()
began = time.perf_counter()
flow, out = Dataflow("sessions"), []
rows = op.input("in", flow, TestingSource(lines, batch_size=1000))
keyed = op.map("read", rows, lambda line: (lambda e: (e["user_id"], e))(json.loads(line)))
clock = w.EventClock(
    ts_getter=lambda e: datetime.fromisoformat(e["ts"].replace("Z", "+00:00")),
    wait_for_system_duration=timedelta(seconds=10),
)
sessions = w.collect_window("sessions", keyed, clock, w.SessionWindower(gap=timedelta(minutes=30)))
made = op.map("sum", sessions.down, lambda kv: (kv[0], (len(kv[1][1]), sum(e["amount"] for e in kv[1][1]))))
op.output("out", made, TestingSink(out))
run_main(flow)
print(json.dumps({"seconds": time.perf_counter() - began, "events": sum(n for _, (n, _) in out), "given": len(lines)}))
"""


def peer(python: str, events: int) -> dict[str, float]:
    """Let Bytewax make sessions from the same file, in memory and without output."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.jsonl"
        write_lines(path, events)
        ended = subprocess.run([python, "-c", PEER, str(path)], capture_output=True, text=True, check=True)
        found: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
        return found


QUIX = """
import json, sys, tempfile, time
from datetime import datetime, timedelta
import confluent_kafka
import quixstreams.dataframe.windows.aggregations as agg
from quixstreams import Application
from quixstreams.models.topics import TopicConfig
from quixstreams.models.topics.admin import TopicAdmin

lines, way = open(sys.argv[1]).read().splitlines(), sys.argv[2]
producer = confluent_kafka.Producer({"bootstrap.servers": "x", "test.mock.num.brokers": 1, "log_level": 0})
(broker,) = producer.list_topics(timeout=10).brokers.values()
for number, line in enumerate(lines):
    e = json.loads(line)
    at = round(datetime.fromisoformat(e["ts"].replace("Z", "+00:00")).timestamp() * 1000)
    producer.produce("events", line, key=e["user_id"], timestamp=at)
    if number % 10_000 == 0:
        producer.flush()
producer.flush()
known = {"retention.ms": "604800000", "retention.bytes": "-1", "cleanup.policy": "delete"}
topic = TopicConfig(num_partitions=4, replication_factor=1, extra_config=known)  # which this broker cannot describe
TopicAdmin.inspect_topics = lambda self, names, timeout=30: {n: topic if n == "events" else None for n in names}
app = Application(
    broker_address=f"{broker.host}:{broker.port}", consumer_group="g", auto_offset_reset="earliest",
    auto_create_topics=False, use_changelog_topics=False, state_dir=tempfile.mkdtemp(), loglevel="WARNING",
)
seen = {"read": 0, "first": 0.0, "last": 0.0, "events": 0, "sessions": 0}
def note(value):
    seen["last"] = time.perf_counter()
    seen["first"] = seen["first"] or seen["last"]
    seen["read"] += 1
def made(value):
    seen["last"] = time.perf_counter()
    seen["sessions"] += 1
    seen["events"] += value["events"]
rows = app.dataframe(app.topic("events", value_deserializer="json")).update(note)
window = rows.session_window(timedelta(minutes=30), timedelta(seconds=10))
window = window.agg(events=agg.Count(), revenue=agg.Sum("amount"))
(window.final(closing_strategy="partition") if way == "final" else window.current()).update(made)
app.run(timeout=15)
print(json.dumps({**seen, "seconds": seen["last"] - seen["first"], "given": len(lines)}))
"""


def quix(python: str, events: int, way: str) -> dict[str, float]:
    """Let Quix Streams make sessions of the same events, of a topic; it keeps state in files, and writes nothing else.

    Args:
        python: The Python that has it.
        events: The number of events.
        way: "final" for each session that is closed, "current" for each event.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.jsonl"
        write_lines(path, events)
        ended = subprocess.run([python, "-c", QUIX, str(path), way], capture_output=True, text=True, check=True)
        found: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
        return found


def alone(events: int) -> None:
    """Print events per second by batch size and from Kafka, and the latency."""
    print("| batch | events/s | median of a batch |\n|---|---|---|")
    for size in (100, 1_000, 10_000, 100_000):
        found, median = rate(min(events, size * 200), size)
        print(f"| {size:,} | {found:,.0f} | {median * 1000:,.0f} ms |", flush=True)
    print(f"\nKafka, batches of 10,000: {kafka_rate(events, 10_000):,.0f} events/s", flush=True)
    times = sorted(latencies(20, 500))
    middle, last = times[len(times) // 2], times[int(len(times) * 0.99)]
    print(
        f"From append to visible row, 500 events/s: median {middle * 1000:,.0f} ms, p99 {last * 1000:,.0f} ms",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--grow", type=int, default=0)
    parser.add_argument("--peer")
    parser.add_argument("--quix")
    parser.add_argument("--only-peers", action="store_true")
    asked = parser.parse_args()
    if not asked.only_peers:
        alone(asked.events)
    if asked.peer:
        print(f"Bytewax: {peer(asked.peer, asked.events)}", flush=True)
    for way in ("final", "current") if asked.quix else ():
        found = quix(asked.quix, asked.events, way)
        print(f"FFT, topic: {kafka_rate(asked.events, 10_000):,.0f} events/s", flush=True)
        print(f"Quix, {way}: {found['given'] / found['seconds']:,.0f} events/s, {found}", flush=True)
    if asked.grow:
        print("\n| events kept | time of a processor for a batch of 10,000, median | file |\n|---|---|---|")
        for events, median, room in growth(asked.grow, 10_000):
            print(f"| {events:,} | {median * 1000:,.0f} ms | {room / 1e6:,.0f} MB |", flush=True)


if __name__ == "__main__":
    main()
