"""Frames of PySpark: lazy, in the session itself. A frame that a model returns becomes a temporary view."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fft_core.errors import EngineError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from fft_core.engines.databricks.session import SparkEngineSession


class PysparkFrames:
    """The lazy frames of a session."""

    def __init__(self, session: SparkEngineSession) -> None:
        self._session = session

    def frame(self, query: str, kind: str) -> DataFrame:
        with self._session.explained(query):
            return self._session.spark.sql(query)

    def is_frame(self, value: object) -> bool:
        from pyspark.sql import DataFrame

        return isinstance(value, DataFrame)

    @contextmanager
    def query(self, frame: Any) -> Iterator[str]:
        if frame.isStreaming:
            raise EngineError("the frame is a stream", hint="Return a frame of rows that are there.", code="FFT-413")
        name = f"_ff_frame_{uuid4().hex}"
        with self._session.explained(""):
            frame.createOrReplaceTempView(name)
        try:
            yield f"select * from {self._session.spelling.quoted(name)}"
        finally:
            self._session.drop_view(name)
