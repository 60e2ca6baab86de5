"""Builds a stream, one batch after the other, until a callback asks it to stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from fft_core.build.publish import BuildResult, NodeResult
from fft_core.build.streams import StreamBatch, body_of, hold, poll, source_of
from fft_core.errors import NothingArrivedError
from fft_core.project.model import Model
from fft_core.run.run import Run
from fft_core.run.turn import build_or_reuse
from fft_core.warehouse.warehouse import Warehouse

_NAP = 0.1  # seconds between two calls of `should_stop`


@dataclass(frozen=True)
class Followed:
    """The totals of a followed stream: the batches, their events, and the seconds of their builds."""

    batches: int = 0
    events: int = 0
    seconds: float = 0

    def __add__(self, result: BuildResult) -> Followed:
        events = result.changes.get("events", 0)
        return Followed(self.batches + 1, self.events + events, self.seconds + result.seconds)


def follow(
    run: Run,
    model: Model,
    tell: Callable[[BuildResult], None],
    should_stop: Callable[[], bool],
    *,
    interval: float = 1,
    until_caught_up: bool = False,
    tell_wait: Callable[[NothingArrivedError], None] = lambda _: None,
) -> Followed:
    """Build a stream batch by batch; a batch that has begun is finished.

    If the table needs an event to be created, it is created when the first one arrives.

    Args:
        run: A run that has the stream as a node.
        model: The stream.
        tell: Called with the result of each published batch.
        should_stop: Called between two batches, and while waiting.
        interval: The seconds to wait if no events have arrived.
        until_caught_up: Whether to stop when no events are left to read.
        tell_wait: Called once if the table cannot be created before the first event arrives.

    Raises:
        BusyError: another process writes the stream.
        FftError: a batch cannot be built; the batches before it stay published.
    """
    body_of(model)
    warehouse, done, is_settled, waits = run.sessions.of_thread(), Followed(), False, False
    warehouse.ensure_schema(warehouse.place(model.name))
    with (
        closing(source_of(warehouse, model)) as source,
        hold(warehouse, model, "fft stream run"),
    ):
        while not should_stop():
            with warehouse.engine.turn():
                batch = poll(warehouse, model, source=source)
                if batch.rows.num_rows or not (waits or (batch.is_empty and is_settled)):
                    result = _built(run, warehouse, model, batch, tell_wait)
                    is_settled, waits = True, result is None
                    if isinstance(result, BuildResult):
                        done += result
                        tell(result)
            if batch.is_full:
                continue
            if until_caught_up:
                break
            _wait(interval, should_stop)
    return done


def _built(
    run: Run, warehouse: Warehouse, model: Model, batch: StreamBatch, tell_wait: Callable[[NothingArrivedError], None]
) -> NodeResult | None:
    """Build a batch; return None if the first event, which the table needs, has not arrived yet."""
    hooks = run.hooks if run.project.hooks else None
    try:
        return build_or_reuse(warehouse, run.rebuilder, model, hooks=hooks, drains=False, polled=batch)
    except NothingArrivedError as error:
        tell_wait(error)
        return None


def _wait(seconds: float, should_stop: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while not should_stop() and (left := until - time.monotonic()) > 0:
        time.sleep(min(_NAP, left))
