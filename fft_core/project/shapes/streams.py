"""The shape of a *.ff.yml file: a model that is a stream."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from fft_core.project.shapes.model_config import ModelConfigShape
from fft_core.project.shapes.shape import Filled, Names, Shape

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_NO_EFFECT = (
    "materialized", "incremental", "snapshot", "strategy", "unique_key", "primary_key", "partition_by", "updated_at",
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
    return float(match[1]) * _UNITS[match[2]]


Seconds: TypeAlias = Annotated[float, BeforeValidator(_seconds)]


class FilesShape(Shape):
    """Files that are appended to."""

    type: Literal["files"]
    path: Names
    format: Literal["jsonl", "csv"] = "jsonl"
    header: list[Filled] | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","


class EnvironmentShape(Shape):
    """A value from an environment variable, such as a password."""

    env: Filled


class KafkaShape(Shape):
    """Topics of Kafka; `options` are those of librdkafka, and may name environment variables."""

    type: Literal["kafka"]
    servers: Filled | EnvironmentShape
    topic: Filled
    format: Literal["json", "avro"] = "json"
    schema_file: Filled | None = None
    headers: Names = []
    options: dict[str, str | int | float | bool | EnvironmentShape] = {}

    @model_validator(mode="after")
    def _avro_has_a_schema(self) -> KafkaShape:
        if (self.format == "avro") != (self.schema_file is not None):
            raise ValueError("schema_file is the .avsc file of format avro, which needs it")
        return self


class S3Shape(Shape):
    """Objects of a store with the S3 protocol."""

    type: Literal["s3"]
    path: Annotated[str, Field(pattern="^s3://[^/]+/.")]
    format: Literal["jsonl", "csv", "parquet"] = "jsonl"
    endpoint: Filled | EnvironmentShape | None = None
    region: Filled | None = None
    grace: Seconds = 900
    header: list[Filled] | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","


class StreamShape(ModelConfigShape):
    """The content of a *.ff.yml file."""

    kind: Literal["stream"]  # type: ignore[assignment]  # that of a file of SQL or Python is another one
    source: Annotated[FilesShape | KafkaShape | S3Shape, Field(discriminator="type")]
    sink: Literal["sessions", "append", "upsert"] = "sessions"
    key: Names = []
    event_time: Filled | None = None
    event_id: Filled | None = None
    event_time_unit: Literal["s", "ms", "us"] | None = None
    gap: Seconds | None = Field(default=None, gt=0)
    allowed_lateness: Seconds | None = None
    max_ahead: Seconds | None = None
    idle_after: Seconds = 300
    measures: dict[Filled, Filled] = {}
    columns: dict[Filled, Filled] = {}
    batch_rows: int = Field(default=100_000, ge=1)
    max_dead_share: float | None = Field(default=None, ge=0, le=1)

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
