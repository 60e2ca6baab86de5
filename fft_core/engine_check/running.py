"""Running statements: they are interrupted, and the session is usable afterwards."""

from __future__ import annotations

import threading
import time

from fft_core.engine_check.outcomes import BrokenClaimError, UncheckedError
from fft_core.engine_check.statements import numbers, publish
from fft_core.engines.protocol import Session
from fft_core.errors import EngineError
from fft_core.run.termination import Canceller

NAME = "ff_check_numbers"
_ROWS = 100
_BEGINS_AFTER = 0.3  # seconds: the statement has begun by then
_SQUARES = range(3, 7)  # joins of the table with itself; a hundred times as many rows each time
INTERRUPTED = "interrupted"  # in the message of the error


def interrupt(session: Session, query: str, after_seconds: float) -> float | None:
    """Run a query and interrupt it; return the seconds from the request to its end, None if it ended by itself.

    Raises:
        BrokenClaimError: the query ended with another error, or the session cannot be used afterwards.
    """
    canceller = Canceller(session.interrupt)
    timer = threading.Timer(after_seconds, canceller.cancel_until_ended)
    began, seconds = time.monotonic(), None
    with session.turn():
        timer.start()
        try:
            session.fetch(query)
        except EngineError as error:
            if INTERRUPTED not in error.problem.message:
                raise BrokenClaimError(f"an interrupted statement ended with: {error.problem.message}") from error
            seconds = time.monotonic() - began - after_seconds
        finally:
            timer.cancel()
            canceller.end()
            timer.join()
    with session.turn():
        if session.fetch("select 1") != [(1,)]:
            raise BrokenClaimError("the session cannot be used after an interruption")
    return seconds


def statements_are_interrupted(session: Session) -> str:
    """Interrupt a query that takes long; return how soon it ended.

    The query is a join of a small table with itself. It becomes larger until it runs long enough.

    Raises:
        BrokenClaimError: the query runs on, or the session cannot be used afterwards.
        UncheckedError: no query took long enough.
        EngineError: a statement fails.
    """
    relation = publish(session, NAME, numbers(_ROWS)).sql(session.spelling)
    for count in _SQUARES:
        names = [f"t{number}" for number in range(count)]
        joined = ", ".join(f"{relation} as {name}" for name in names)
        query = f"select max({' - '.join(f'{name}.i' for name in names)}) from {joined}"
        began = time.monotonic()
        ended = interrupt(session, query, _BEGINS_AFTER)
        if ended is not None:
            return f"a query ended {max(ended, 0):.1f} s after it was interrupted"
        seconds = time.monotonic() - began
        if seconds > 10 * _BEGINS_AFTER:
            raise BrokenClaimError(f"a query that was interrupted after {_BEGINS_AFTER} s ran for {seconds:.1f} s")
    raise UncheckedError(f"a join with {_ROWS ** _SQUARES[-1]} rows ended before it could be interrupted")
