"""Jobs of a session with BigQuery: started, waited for, cancelled, and labelled, so that their cost can be found."""

from __future__ import annotations

import hashlib
import itertools
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import uuid4

from google.api_core.exceptions import Conflict, NotFound
from google.cloud import bigquery

from fft_core.engines.bigquery.connecting import Connection
from fft_core.engines.bigquery.faults import FAULTS, explained
from fft_core.engines.protocol import Stats
from fft_core.engines.trace import Trace
from fft_core.errors import EngineError, StatementError, SupersededError
from fft_core.names import Relation

T = TypeVar("T")
_NO_LABEL = re.compile(r"[^a-z0-9_-]")
_LONGEST_LABEL = 63
_STAGE = "fft_stage"
_CHANGE = "change"


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
        return self.started(sql, self._sending(sql, self.labels()), use)

    def create_once(self, stage: Relation, sql: str, query: str) -> tuple[Relation, Stats]:
        """Create a relation, unless an earlier attempt of the same step is still doing so: its job is waited for then.

        A job outlives its client. Its id follows from `Trace.attempt` and the query, and the service starts no second
        job with an id. Source of the behaviour: https://cloud.google.com/bigquery/docs/running-jobs#generate-jobid

        Args:
            stage: The relation.
            sql: The statement that creates it.
            query: Its rows, in a text that is equal in each attempt.

        Returns:
            The relation that was created, and the statistics of its job.
        """
        mine = stage.name.lower()

        def is_wanted(job: Any) -> bool:
            return job.state != "DONE" or _stage_of(job) == mine  # the table of another job that has ended may be gone

        send = self._sending(sql, {**self.labels(), _STAGE: mine})
        job = self.started(sql, send, lambda job: job, self._names(query), is_wanted)
        made = _stage_of(job) or mine
        return stage if made == mine else stage.named(made), statistics(job)

    def await_change(self) -> None:
        """Wait for the script of an earlier attempt of this step that changes and records its rows.

        Raises:
            SupersededError: an earlier attempt has changed them.
        """
        if not self._trace().attempt:
            return
        with self.explained(""):
            for name in self._names(_CHANGE):
                job = self._known(name)
                if job is None:
                    return
                self._refuse_changed(job)

    def change_once(self, sql: str) -> None:
        """Run a script that changes and records the rows of a step, unless an earlier attempt of the step has begun to.

        Raises:
            SupersededError: an earlier attempt has changed them.
        """
        send = self._sending(sql, self.labels())

        def is_wanted(job: Any) -> bool:
            self._refuse_changed(job)
            return False

        self.started(sql, send, lambda job: job, self._names(_CHANGE), is_wanted)

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
        told = {f"fft_{name}": _NO_LABEL.sub("_", value.lower()) for name, value in self._trace().labels().items()}
        return {"fft": "1", **{name: value[:_LONGEST_LABEL] for name, value in told.items()}}

    def started(
        self,
        sql: str,
        send: Callable[[str], Any],
        use: Callable[[Any], T],
        names: Iterator[str] | None = None,
        is_wanted: Callable[[Any], bool] = lambda job: True,
    ) -> T:
        """Start a job of the client, wait for its end, and use it; errors become those of FFT.

        Args:
            sql: What the job does, for errors and the log.
            send: Starts a job with this id, and returns it.
            use: Makes something of the job that has ended.
            names: The ids to try, one after the other; the default is a new one.
            is_wanted: Whether to wait for the job that has an id already, instead of starting one with the next id. By
                default it is: with a new id, it is the same job, whose request was sent twice.
        """
        if self._cancelled.is_set():  # between two statements, for example in a Python model
            raise EngineError("the statement was interrupted", code="FFT-604")
        try:
            with self.explained(sql):
                job = self._begun(names or iter([f"fft_{uuid4().hex}"]), send, is_wanted)
                if self._cancelled.is_set():  # before the service knew the job
                    self._cancel(job.job_id)
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

    def _refuse_changed(self, job: Any) -> None:
        """Wait for a job of an earlier attempt. Raise SupersededError unless it has failed, which changes no row."""
        try:
            job.result(retry=self._connection.retry)
        except FAULTS:
            if job.error_result is None:  # the request has failed, not the job
                raise
            return
        raise SupersededError("an earlier attempt of this step has just changed the rows", hint="Run it again.")

    def _names(self, what: str) -> Iterator[str]:
        """Return the ids of the jobs that may do something in the step that the session is about."""
        attempt = self._trace().attempt
        key = hashlib.sha256(f"{attempt}{what}".encode()).hexdigest()[:32] if attempt else uuid4().hex
        return (f"fft_{key}_{number}" for number in itertools.count())

    def _begun(self, names: Iterator[str], send: Callable[[str], Any], is_wanted: Callable[[Any], bool]) -> Any:
        """Start a job with the first id that is free, or return the wanted job that has one."""
        for name in names:
            self._running = name
            try:
                return send(name)
            except Conflict:
                there = self._known(name)
                if there is None:  # something else than the job is in the way
                    raise
                if is_wanted(there):
                    return there
        raise EngineError("no id is left for a job")

    def _known(self, job: str) -> Any:
        """Return a job of the service; None if there is none with this id."""
        location, retry = self._connection.location, self._connection.retry
        try:
            return self._connection.client.get_job(job, location=location, retry=retry)
        except NotFound:
            return None

    def _sending(self, sql: str, labels: Mapping[str, str]) -> Callable[[str], Any]:
        client, retry, location = self._connection.client, self._connection.retry, self._connection.location
        config = bigquery.QueryJobConfig(labels=labels)
        return lambda name: client.query(
            sql, job_config=config, job_id=name, location=location, retry=retry, job_retry=None
        )

    def _cancel(self, job: str) -> None:
        try:
            self._connection.client.cancel_job(job, location=self._connection.location, retry=self._connection.retry)
        except NotFound:  # it ends when its thread sees that the session is interrupted
            return
        except FAULTS as error:
            raise explained(error, "", is_interrupted=False) from error


def statistics(job: Any) -> Stats:
    """Return the statistics of a job that has ended."""
    return Stats(job.num_dml_affected_rows, job.total_bytes_processed, job.job_id)


def _stage_of(job: Any) -> str | None:
    """Return the name of the stage that a job creates; None if the service keeps no labels."""
    found: str | None = (job.labels or {}).get(_STAGE)
    return found
