"""Jobs of a session with BigQuery: started, waited for, cancelled, and labelled, so that their cost can be found."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import uuid4

from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from fft_core.engines.bigquery.connecting import Connection
from fft_core.engines.bigquery.faults import FAULTS, explained
from fft_core.engines.trace import Trace
from fft_core.errors import EngineError, StatementError

T = TypeVar("T")
_NO_LABEL = re.compile(r"[^a-z0-9_-]")
_LONGEST_LABEL = 63


class Jobs:
    """The jobs of one session, one at a time.

    Args:
        connection: The client.
        trace: Returns what gets the time of each job.
    """

    def __init__(self, connection: Connection, trace: Callable[[], Trace]) -> None:
        self._connection, self._trace = connection, trace
        self._cancelled = threading.Event()
        self._running: str | None = None

    def query(self, sql: str, use: Callable[[Any], T]) -> T:  # Any: the client's jobs have no types
        """Run a statement, and return what is made of its job."""
        config = bigquery.QueryJobConfig(labels=self.labels())
        client, retry, location = self._connection.client, self._connection.retry, self._connection.location

        def start(name: str) -> Any:
            return client.query(sql, job_config=config, job_id=name, location=location, retry=retry, job_retry=None)

        return self.started(sql, start, use)

    def read(self, sql: str, use: Callable[[Any], T]) -> T:  # Any: the client's rows have no types
        """Run a query, and return what is made of its rows, which come in pages."""
        return self.query(sql, lambda job: use(job.result(retry=self._connection.retry)))

    def dry_run(self, query: str) -> Any:  # Any: a job of the client
        """Return the job of a query that does not run: its columns and its bytes are known, and it costs nothing."""
        config = bigquery.QueryJobConfig(dry_run=True, use_query_cache=False, labels=self.labels())
        client, retry, location = self._connection.client, self._connection.retry, self._connection.location
        with self.explained(query):
            return client.query(query, job_config=config, location=location, retry=retry, job_retry=None)

    def labels(self) -> dict[str, str]:
        """Return the labels of a job, to find what models cost in INFORMATION_SCHEMA.JOBS and in the bill."""
        node = _NO_LABEL.sub("_", self._trace().node.lower())[:_LONGEST_LABEL]
        return {"fft": "1", **({"fft_node": node} if node else {})}

    def started(self, sql: str, start: Callable[[str], Any], use: Callable[[Any], T]) -> T:
        """Start a job of the client, wait for its end, and use it; errors become those of FFT.

        Args:
            sql: What the job does, for errors and the log.
            start: Starts a job with this id.
            use: Makes something of the job that has ended.
        """
        if self._cancelled.is_set():  # between two statements, for example in a Python model
            raise EngineError("the statement was interrupted", code="FFT-604")
        name = f"fft_{uuid4().hex}"
        self._running = name
        try:
            with self.explained(sql):
                job = start(name)
                if self._cancelled.is_set():  # before the service knew the job
                    self._cancel(name)
                job.result(retry=self._connection.retry)
                found = use(job)
        finally:
            self._running = None
        if self._cancelled.is_set():  # too late for this job; what would follow is not run
            raise EngineError("the statement was interrupted", code="FFT-604")
        return found

    def interrupt(self) -> None:
        """Cancel the running job, from any thread. One that has not reached the service yet is cancelled later."""
        self._cancelled.set()
        job = self._running
        if job is not None:
            self._cancel(job)

    def resume(self) -> None:
        """Let jobs start again after an interrupt."""
        self._cancelled.clear()

    @contextmanager
    def explained(self, sql: str) -> Iterator[None]:
        """Turn the client's errors in the context into those of FFT, and count the time of a statement."""
        started = time.perf_counter()
        try:
            yield
        except FAULTS as error:
            raise explained(error, sql, is_interrupted=self._cancelled.is_set()) from error
        except UnicodeError as error:
            raise StatementError(str(error), sql=sql) from error
        finally:
            if sql:
                self._trace().ended(sql, started)

    def _cancel(self, job: str) -> None:
        try:
            self._connection.client.cancel_job(job, location=self._connection.location, retry=self._connection.retry)
        except NotFound:  # it ends when its thread sees that the session is interrupted
            return
        except FAULTS as error:
            raise explained(error, "", is_interrupted=False) from error
