"""Topics of Kafka, read from offsets that the warehouse keeps, never as a consumer group."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from fft_core.errors import MissingDriverError, StreamError
from fft_core.streaming.avro import avro_reader
from fft_core.streaming.records import Record, Values, as_table, read_json, read_record
from fft_core.streaming.source import Backlog, Position, is_count

if TYPE_CHECKING:
    import pyarrow as pa

_TIMEOUT = 10.0  # seconds to wait for a broker, and for messages that it has reported
_PEEK = 2.0  # seconds to wait for the first messages, of which only the times are needed
_AT_ONCE = 10_000
_OURS = ("group.id", "enable.auto.commit", "auto.offset.reset", "enable.partition.eof", "enable.auto.offset.store")


class KafkaSource:
    """A source that reads the partitions of a topic: only the position says which messages were read.

    Each event has the columns `kafka_timestamp` (UTC) and `kafka_key` (text), and one for each of `headers`. Messages
    of uncommitted transactions are left out.

    Args:
        servers: The brokers, as in `bootstrap.servers` of librdkafka: "broker.example.com:9092".
        topic: The topic, which must exist.
        format: The format of a message: an object of JSON, or Avro with `schema`.
        schema: The text of an Avro schema; the five bytes of a schema registry before a message are skipped.
        headers: Names of headers; `h` becomes the column `header_h`.
        options: Options of librdkafka for the connection.

    Raises:
        MissingDriverError: confluent-kafka is not installed.
        StreamError: `options` has an option that FFT sets.
    """

    def __init__(
        self,
        servers: str,
        topic: str,
        *,
        format: Literal["json", "avro"] = "json",
        schema: str | None = None,
        headers: Sequence[str] = (),
        options: Mapping[str, Any] | None = None,  # Any: texts and numbers
    ) -> None:
        try:
            import confluent_kafka
        except ImportError as error:
            hint = 'pip install "fft-dagster[kafka]"'
            raise MissingDriverError(
                "a stream of Kafka needs the package 'confluent_kafka'", hint=hint, code="FFT-211"
            ) from error
        for name in options or ():
            if name in _OURS:
                raise StreamError(
                    f"options: {name!r} is set by FFT, which stores offsets in the warehouse",
                    hint="Remove it.",
                    code="FFT-804",
                )
        self._kafka: Any = confluent_kafka  # Any: the package has no types
        self._topic, self._headers = topic, tuple(headers)
        self._read: Callable[[bytes], Values] = read_json if format == "json" else avro_reader(schema or "")
        self._settings = {
            "isolation.level": "read_committed",
            **(options or {}),
            "bootstrap.servers": servers,
            "group.id": "fft-reads-by-assignment",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
        }
        self._consumer: Any = None

    @property
    def said(self) -> str:
        """The name of the source for people."""
        return f"topic {self._topic}"

    def poll(self, position: Position, limit: int) -> tuple[pa.Table, Position]:
        """Read the messages of the partitions after a position; see `Source.poll`."""
        with _explained(self._kafka, self._topic):
            begins, ends = self._bounds(position)
            wanted = [self._at(part, begin) for part, begin in begins.items() if begin != ends[part]]
            records, reached = list[Record](), dict(begins)
            if wanted:
                consumer = self._connected()
                consumer.assign(wanted)
                try:
                    records = self._consumed(consumer, {part.partition for part in wanted}, ends, limit, reached)
                finally:
                    consumer.unassign()
        records.sort(key=lambda record: (record.partition, record.offset))
        return as_table(records), self._position(reached)

    def backlog(self, position: Position) -> Backlog:
        """Count the messages after a position; `oldest` is the least time of the first messages of its partitions."""
        with _explained(self._kafka, self._topic):
            begins, ends = self._bounds(position)
            left = {part: begins[part] for part, end in ends.items() if begins[part] < end}
            times = self._first_times(left) if left else []
        return Backlog(sum(ends[part] - begin for part, begin in left.items()), "messages", min(times, default=None))

    def _first_times(self, begins: Mapping[int, int]) -> list[float]:
        """Return the timestamps of the first messages of some partitions, as far as they have any and arrive soon."""
        consumer, found, parts = self._connected(), list[float](), set(begins)
        consumer.assign([self._at(part, begin) for part, begin in begins.items()])
        try:
            deadline = time.monotonic() + _PEEK
            while parts and time.monotonic() < deadline:
                for message in consumer.consume(len(parts), timeout=0.1):
                    kind, at = message.timestamp()
                    is_first = message.partition() in parts
                    if is_first and message.error() is None and kind != self._kafka.TIMESTAMP_NOT_AVAILABLE:
                        found.append(at / 1000)
                    parts.discard(message.partition())
        finally:
            consumer.unassign()
        return found

    def end(self) -> Position:
        """Return the position after all existing messages."""
        with _explained(self._kafka, self._topic):
            return self._position(self._bounds({})[1])

    def offsets(self, position: Position) -> Mapping[str, int]:
        """Return the offset up to which each partition was read. Raises StreamError for a position of another topic."""
        if position and position.get("topic", self._topic) != self._topic:
            raise StreamError(f"this is a position of the topic {position['topic']!r}", code="FFT-803")
        return {self._name(part): offset for part, offset in self._offsets(position).items()}

    def close(self) -> None:
        """Close the connection."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _connected(self) -> Any:
        if self._consumer is None:
            self._consumer = self._kafka.Consumer(self._settings, logger=_Silent())
        return self._consumer

    def _bounds(self, position: Position) -> tuple[dict[int, int], dict[int, int]]:
        """Return the next offset and the end of each partition. Raises StreamError if unread messages are gone."""
        consumer, known = self._connected(), self._offsets(position)
        found = consumer.list_topics(self._topic, timeout=_TIMEOUT).topics.get(self._topic)
        if found is None or found.error is not None:
            raise StreamError(
                f"the topic {self._topic!r} does not exist", hint="Create it, or correct `topic`.", code="FFT-801"
            )
        begins, ends = dict[int, int](), dict[int, int]()
        for part in sorted(found.partitions):
            low, high = consumer.get_watermark_offsets(self._at(part, 0), timeout=_TIMEOUT, cached=False)
            begins[part], ends[part] = known.get(part, low), high
            if begins[part] < low:
                gone = f"messages {begins[part]} to {low - 1} of {self._name(part)} were deleted before they were read"
                hint = "To go on without them: fft stream reset --to latest, or to a later position."
                raise StreamError(gone, hint=hint, code="FFT-803")
        return begins, ends

    def _refused(self, error: Any, part: int, reached: Mapping[int, int]) -> Exception:
        """Return the exception for a broker that does not return messages from an offset."""
        kinds = (self._kafka.KafkaError._AUTO_OFFSET_RESET, self._kafka.KafkaError.OFFSET_OUT_OF_RANGE)
        if error.code() not in kinds:
            refused: Exception = self._kafka.KafkaException(error)
            return refused
        said = f"{self._name(part)} was read up to {reached[part]}, but has no messages there: the topic was replaced"
        return StreamError(said, hint="To read the new one: fft stream reset --to earliest.", code="FFT-803")

    def _consumed(
        self, consumer: Any, parts: set[int], ends: Mapping[int, int], limit: int, reached: dict[int, int]
    ) -> list[Record]:
        """Take messages until each partition is at its end, or the limit is reached; then those already received."""
        records, deadline = list[Record](), time.monotonic() + _TIMEOUT
        while parts and len(records) < limit:
            left = sum(max(1, ends[part] - reached[part]) for part in parts)
            messages = consumer.consume(min(limit - len(records), left, _AT_ONCE), timeout=0.5)
            for part in self._taken(messages, records, reached):
                parts.discard(part)
            parts -= {part for part in parts if 0 < ends[part] <= reached[part] and messages}
            if messages:
                deadline = time.monotonic() + _TIMEOUT
            elif time.monotonic() > deadline:
                named = ", ".join(self._name(part) for part in sorted(parts))
                raise StreamError(f"the broker has messages of {named}, but does not send them", code="FFT-801")
        while len(records) < limit and (messages := consumer.consume(min(limit - len(records), _AT_ONCE), timeout=0)):
            list(self._taken(messages, records, reached))
        return records

    def _taken(self, messages: Sequence[Any], records: list[Record], reached: dict[int, int]) -> Iterator[int]:
        """Add messages to the records; yield the partitions that are at their end."""
        for message in messages:
            part, error = message.partition(), message.error()
            if error is None:
                records.append(self._record(message))
            elif error.code() != self._kafka.KafkaError._PARTITION_EOF:
                raise self._refused(error, part, reached)
            else:
                yield part
            reached[part] = max(reached[part], message.offset() + (error is None))

    def _record(self, message: Any) -> Record:
        raw, (kind, at) = message.value(), message.timestamp()
        more: dict[str, Any] = {"kafka_key": _text(message.key())}
        if kind != self._kafka.TIMESTAMP_NOT_AVAILABLE:
            more["kafka_timestamp"] = datetime.fromtimestamp(at / 1000, UTC).replace(tzinfo=None)
        headers = dict(message.headers() or ()) if self._headers else {}
        more |= {f"header_{name}": _text(headers.get(name)) for name in self._headers}
        place = (self._name(message.partition()), message.offset())
        if raw is None:
            return Record(*place, b"", None, "it has no value", more)
        record = read_record(*place, raw, self._read)
        return Record(record.partition, record.offset, raw, record.values, record.error, more)

    def _at(self, part: int, offset: int) -> Any:
        return self._kafka.TopicPartition(self._topic, part, offset)

    def _name(self, part: int) -> str:
        return f"{self._topic}/{part}"

    def _position(self, offsets: Mapping[int, int]) -> Position:
        return {"topic": self._topic, "offsets": {str(part): offset for part, offset in sorted(offsets.items())}}

    def _offsets(self, position: Position) -> dict[int, int]:
        """Read a position; a position of another topic counts as the start of this one."""
        if not position or position.get("topic") != self._topic:
            if position and "topic" not in position:
                raise StreamError(f"this is not a position of a topic: {dict(position)!r}", code="FFT-803")
            return {}
        try:
            offsets = {int(part): offset for part, offset in position["offsets"].items()}
            if not all(map(is_count, (*offsets, *offsets.values()))):
                raise ValueError
            return offsets
        except (KeyError, ValueError, AttributeError, TypeError) as error:
            raise StreamError(f"this is not a position of a topic: {dict(position)!r}", code="FFT-803") from error


@contextmanager
def _explained(kafka: Any, topic: str) -> Iterator[None]:
    """Raise an error of Kafka's client as a StreamError."""
    try:
        yield
    except kafka.KafkaException as error:
        said = error.args[0].str() if error.args and isinstance(error.args[0], kafka.KafkaError) else str(error)
        hint = "Is the broker running there, and are servers and options right?"
        raise StreamError(f"topic {topic!r} cannot be read: {said}", hint=hint, code="FFT-801") from error


class _Silent:
    """A log for librdkafka that prints nothing, because each relevant error is raised as well."""

    def log(self, *_: object) -> None:
        """Print nothing."""


def _text(value: bytes | str | None) -> str | None:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
