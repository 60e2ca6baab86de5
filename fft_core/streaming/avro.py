"""Messages in Avro, with a schema that is a file of the project."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

from fft_core.errors import MissingDriverError, StreamError
from fft_core.streaming.records import Values

_MAGIC, _PREFIX = b"\0", 5  # before the message: a zero, and the number of its schema in a registry


def avro_reader(schema: str) -> Callable[[bytes], Values]:
    """Return a reader of one message; it raises ValueError for bytes that are not a message of the schema.

    A message may begin with the five bytes of a schema registry. One that begins with a zero, but is not a message
    behind five bytes, is read as a whole: its first value is NULL, 0 or empty.

    Args:
        schema: The text of the schema of a record.

    Raises:
        MissingDriverError: fastavro is not installed.
        StreamError: the text is not a schema of a record.
    """
    try:
        import fastavro
    except ImportError as error:
        raise MissingDriverError(
            "Avro needs the package 'fastavro'", hint='pip install "fft-dagster[kafka]"', code="FFT-211"
        ) from error
    try:
        parsed: Any = fastavro.parse_schema(json.loads(schema))
    except (ValueError, KeyError, TypeError, AttributeError, fastavro.schema.SchemaParseException) as error:
        raise StreamError(f"schema_file is not an Avro schema: {error}", code="FFT-804") from error
    if not isinstance(parsed, dict) or parsed.get("type") != "record":
        raise StreamError("schema_file is not an Avro schema of a record", code="FFT-804")

    def read(raw: bytes) -> Values:
        if raw[:1] == _MAGIC and len(raw) > _PREFIX:
            try:
                return whole(raw[_PREFIX:])
            except ValueError:
                pass  # the zero belongs to the message, or the error below is that of the whole
        return whole(raw)

    def whole(raw: bytes) -> Values:
        stream = io.BytesIO(raw)
        try:
            value: Any = fastavro.schemaless_reader(stream, parsed, None)
        except Exception as error:  # the library raises many kinds of errors for other bytes
            raise ValueError(f"it is not a message of this schema: {type(error).__name__}: {error}") from error
        if stream.read(1):
            raise ValueError("it is not a message of this schema: it has more bytes")
        return dict(value)

    return read
