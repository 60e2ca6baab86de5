"""Frames of Snowpark: lazy, on the session's own connection. A frame that a model returns is a query."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fft_core.errors import EngineError

if TYPE_CHECKING:
    from snowflake.snowpark import DataFrame, Session

    from fft_core.engines.snowflake.session import SnowflakeSession


class SnowparkFrames:
    """The lazy frames of a Snowpark session, which is opened with the first frame."""

    def __init__(self, session: SnowflakeSession) -> None:
        self._session = session
        self._snowpark: Session | None = None

    def frame(self, query: str, kind: str) -> DataFrame:
        self._session.use_schema()  # Snowpark creates temporary objects in it
        if self._snowpark is None:
            from snowflake.snowpark import Session  # it takes a second to import

            self._snowpark = Session.builder.configs({"connection": self._session.connection}).create()
        return self._snowpark.sql(query)

    def is_frame(self, value: object) -> bool:
        if self._snowpark is None:
            return False
        from snowflake.snowpark import DataFrame

        return isinstance(value, DataFrame)

    @contextmanager
    def query(self, frame: Any) -> Iterator[str]:
        """Yield the last query of a frame; the queries that it needs, as for a cached result, are run before."""
        *before, last = frame.queries["queries"]
        after = frame.queries["post_actions"]
        if not last.lstrip().lower().startswith(("select", "with", "(")):
            raise EngineError(
                "the frame is not a query", hint="Return a query made from the model's input frames.", code="FFT-410"
            )
        for statement in before:
            self._session.execute(statement)
        try:
            yield last
        finally:
            for statement in after:
                self._session.execute(statement)

    def close(self) -> None:
        """End the session of Snowpark, and the connection with it.

        Its callback at the exit of Python is removed, because it would wait for a service that may be unreachable.
        """
        if self._snowpark is not None:
            self._snowpark.close()
            atexit.unregister(self._snowpark._close_at_exit)
            self._snowpark = None
