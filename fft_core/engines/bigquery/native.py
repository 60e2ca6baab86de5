"""BigQuery DataFrames: lazy frames, of which a model returns a query."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fft_core.errors import EngineError, MissingDriverError

if TYPE_CHECKING:
    from fft_core.engines.bigquery.session import BigQuerySession

_WHOLE_TABLE = re.compile(r"select \* from (`[^`]+`\.`[^`]+`\.`[^`]+`)")
_EXTRA = 'pip install "fft-dagster[bigframes]"'


class BigFrames:
    """The lazy frames of a session of BigQuery DataFrames, which is opened with the first frame.

    Args:
        session: Runs the query of a frame.
        is_used: Whether the profile allows them.
    """

    def __init__(self, session: BigQuerySession, *, is_used: bool) -> None:
        self._session = session
        self._is_used = is_used
        self._bigframes: Any = None  # Any: a session of bigframes, which is imported with the first frame

    def frame(self, query: str, kind: str) -> Any:
        """Return a frame of a table as it is now, or of a query."""
        session = self._opened()
        table = _WHOLE_TABLE.fullmatch(query)
        if table:
            return session.read_gbq_table(table[1].replace("`", ""), use_cache=False)  # as it is now
        return session.read_gbq_query(query)

    def is_frame(self, value: object) -> bool:
        if self._bigframes is None:
            return False
        from bigframes.dataframe import DataFrame

        return isinstance(value, DataFrame)

    @contextmanager
    def query(self, frame: Any) -> Iterator[str]:
        """Yield the query of a frame; an index that has a name becomes a column."""
        named = [name for name in frame.index.names if name is not None]
        if named:
            frame = frame.reset_index()
        yield frame.sql

    def close(self) -> None:
        """End the session of BigQuery DataFrames; the tables that it made are dropped."""
        if self._bigframes is not None:
            self._bigframes.close()
            self._bigframes = None

    def _opened(self) -> Any:
        if not self._is_used:
            raise EngineError(
                "the profile has use_bigframes: false",
                hint="Set it to true, or take a frame of a library.",
                code="FFT-205",
            )
        if self._bigframes is None:
            try:
                import bigframes
            except ImportError as error:
                raise MissingDriverError(
                    "the model takes a frame of bigframes, which is missing", hint=_EXTRA
                ) from error
            bigframes.options.display.progress_bar = None
            connection = self._session.connection
            options = bigframes.BigQueryOptions(
                credentials=connection.credentials,
                project=connection.client.project,
                location=connection.location,
                skip_bq_connection_check=True,  # a connection is needed for remote functions alone
                client_endpoints_override={"bqclient": connection.endpoint} if connection.endpoint else {},
            )
            self._bigframes = bigframes.connect(options)
        return self._bigframes
