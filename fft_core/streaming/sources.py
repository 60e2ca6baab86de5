"""The sources of streams by their names in files; each imports its packages when it is made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fft_core.errors import StreamError
from fft_core.streaming.source import Source


def make_source(kind: str, options: Mapping[str, Any], root: Path, stream: str) -> Source:  # Any: values of YAML
    """Return a source with some options.

    Args:
        kind: "files", "kafka" or "s3".
        options: The options in the file, with the values of environment variables.
        root: The folder of relative paths.
        stream: The name of the stream.

    Raises:
        MissingDriverError: the packages that it needs are not installed.
        StreamError: an option cannot be used.
    """
    match kind:
        case "files":
            from fft_core.streaming.file_tail import FileTailSource

            return FileTailSource(**options, root=root)
        case "kafka":
            from fft_core.streaming.kafka import KafkaSource

            return KafkaSource(**_with_schema(options, root))
        case "s3":
            from fft_core.streaming.s3 import S3Source

            return S3Source(**options)
    raise StreamError(f"the stream {stream} has a source of a type that is not known: {kind!r}", code="FFT-804")


def _with_schema(options: Mapping[str, Any], root: Path) -> dict[str, Any]:
    made = dict(options)
    file = made.pop("schema_file", None)
    if file is not None:
        try:
            made["schema"] = (root / file).read_text("utf-8")
        except OSError as error:
            raise StreamError(f"schema_file {file} cannot be read: {error.strerror}", code="FFT-801") from error
    return made
