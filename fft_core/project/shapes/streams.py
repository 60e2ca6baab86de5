"""The shape of a *.ff.yml file: a model that is a stream."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from fft_core.names.csv_columns import csv_problem
from fft_core.project.shapes.model_config import ModelConfigShape
from fft_core.project.shapes.shape import TEXTS, Filled, Names, Shape, Words

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_LONGEST = 100 * 366 * 86400  # seconds: more is a typing error, and times have an end
_MOST_ROWS = 100_000_000
_NO_EFFECT = (
    "materialized", "incremental", "snapshot", "strategy", "unique_key", "primary_key", "updated_at",
    "updated_at_column", "updated_at_columns", "timestamp_columns", "delta_columns", "lookback", "delta_sql", "delta",
    "engines", "publish", "ttl", "volatile",
)  # fmt: skip


def _seconds(value: object) -> object:
    """Return the seconds of a time such as `30 minutes`. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} has no unit; write it as '30 minutes', '2 hours' or '1 day'")
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(second|minute|hour|day|week)s?\s*", value)
    if match is None:
        raise ValueError(f"{value!r} is not a time; write it as '30 minutes', '2 hours' or '1 day'")
    seconds = float(match[1]) * _UNITS[match[2]]
    if seconds > _LONGEST:
        raise ValueError(f"{value[:40]!r} is longer than a hundred years")
    return seconds


Seconds: TypeAlias = Annotated[float, BeforeValidator(_seconds), Words("text such as `30 minutes`")]


Patterns: TypeAlias = Annotated[
    list[Filled],
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    Field(min_length=1),
    TEXTS,
]


def _refuse_csv(source: FilesShape | S3Shape) -> None:
    """Raise ValueError for settings of CSV that are wrong, or have no effect."""
    if source.format != "csv" and source.model_fields_set & {"header", "delimiter"}:
        raise ValueError("header and delimiter are for format csv")
    if problem := csv_problem(source.header, source.delimiter):
        raise ValueError(problem)


class FilesShape(Shape):
    """Files that are appended to."""

    type: Literal["files"]
    """The type of the source."""
    path: Patterns
    """A pattern of files below the project, or several."""
    format: Literal["jsonl", "csv"] = "jsonl"
    """The format of the files."""
    header: Annotated[list[Filled], Field(min_length=1)] | None = None
    """The names of the columns of a CSV, if the files have no line of them."""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    """The character between the fields of a CSV."""

    @model_validator(mode="after")
    def _is_csv(self) -> FilesShape:
        _refuse_csv(self)
        return self


class EnvironmentShape(Shape):
    """A value from an environment variable, such as a password."""

    env: Filled
    """The name of the environment variable."""


class KafkaShape(Shape):
    """Topics of Kafka; `options` are those of librdkafka, and may name environment variables."""

    type: Literal["kafka"]
    """The type of the source."""
    servers: Filled | EnvironmentShape
    """The addresses of brokers, separated by commas."""
    topic: Filled
    """The topic."""
    format: Literal["json", "avro"] = "json"
    """The format of the messages."""
    schema_file: Filled | None = None
    """For `avro`: the `.avsc` file in the project."""
    headers: Names = []
    """Headers of messages that become columns called `header_NAME`."""
    options: dict[str, str | int | float | bool | EnvironmentShape] = {}
    """Options of librdkafka."""

    @model_validator(mode="after")
    def _avro_has_a_schema(self) -> KafkaShape:
        if (self.format == "avro") != (self.schema_file is not None):
            raise ValueError("schema_file is the .avsc file of format avro, which needs it")
        return self


class S3Shape(Shape):
    """Objects of a store with the S3 protocol."""

    type: Literal["s3"]
    """The type of the source."""
    path: Annotated[str, Field(pattern="^s3://[^/]+/.")]
    """A pattern of objects, as in `s3://bucket/prefix/*.jsonl`."""
    format: Literal["jsonl", "csv", "parquet"] = "jsonl"
    """The format of the objects."""
    endpoint: Filled | EnvironmentShape | None = None
    """The address of the store, if it is not AWS's."""
    region: Filled | None = None
    """The region of the store."""
    grace: Seconds = 900
    """The time that an object may appear late. [default: `15 minutes`]"""
    header: Annotated[list[Filled], Field(min_length=1)] | None = None
    """The names of the columns of a CSV, if the objects have no line of them."""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    """The character between the fields of a CSV."""

    @model_validator(mode="after")
    def _is_csv(self) -> S3Shape:
        _refuse_csv(self)
        return self


class StreamShape(ModelConfigShape):
    """The content of a *.ff.yml file."""

    kind: Literal["stream"]  # type: ignore[assignment]  # that of a file of SQL or Python is another one
    """Always `stream`."""
    source: Annotated[FilesShape | KafkaShape | S3Shape, Field(discriminator="type")]
    """The source of the events."""
    sink: Literal["sessions", "append", "upsert"] = "sessions"
    """The kind of table that the events become."""
    key: Names = []
    """The columns that tell sessions, or rows, apart. Required for `sessions` and `upsert`."""
    event_time: Filled | None = None
    """The column with the time of an event. Required for `sessions`."""
    event_id: Filled | None = None
    """The column that distinguishes events of the same key and time."""
    event_time_unit: Literal["s", "ms", "us"] | None = None
    """The unit of event times that are numbers."""
    gap: Seconds | None = Field(default=None, gt=0)
    """The longest pause within a session. Required for `sessions`."""
    allowed_lateness: Seconds | None = None
    """How much older than the newest event an event may be. [default: any]"""
    max_ahead: Seconds | None = None
    """How far in the future an event may be. [default: any]"""
    idle_after: Seconds = 300
    """The time after which a silent partition no longer holds the watermark back. [default: `5 minutes`]"""
    measures: dict[Filled, Filled] = {}
    """For `sessions`: aggregates in SQL over the events of a session, by name."""
    columns: dict[Filled, Filled] = {}
    """The types of columns of events, by name. [default: by their first values]"""
    batch_rows: int = Field(default=100_000, ge=1, le=_MOST_ROWS)
    """The largest number of records in a batch."""
    max_dead_share: float | None = Field(default=None, ge=0, le=1)
    """The share of bad records above which a batch fails, from 0 to 1."""

    @model_validator(mode="after")
    def _has_what_its_sink_needs(self) -> StreamShape:
        for name in _NO_EFFECT:
            if name in self.model_fields_set:
                raise ValueError(f"{name!r} has no effect on a stream: use its sink and key")
        if self.sink == "sessions" and not (self.key and self.event_time and self.gap):
            raise ValueError("sink sessions needs key, event_time and gap, as in gap: 30 minutes")
        if self.sink != "sessions" and (self.gap is not None or self.measures):
            raise ValueError("gap and measures are for sink sessions")
        if self.sink == "upsert" and not self.key:
            raise ValueError("sink upsert needs key: the columns that identify a row")
        if self.sink == "append" and self.key:
            raise ValueError("key is for the sinks upsert and sessions; append adds each event as a row")
        if self.event_time is None and (self.allowed_lateness is not None or self.max_ahead is not None):
            raise ValueError("allowed_lateness and max_ahead need event_time")
        return self

    def written(self) -> dict[str, Any]:
        """Return the settings that every model can have."""
        own = StreamShape.model_fields.keys() - ModelConfigShape.model_fields.keys() | {"kind"}
        return {name: value for name, value in super().written().items() if name not in own}
