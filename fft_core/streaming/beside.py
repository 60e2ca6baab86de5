"""Writes late events and bad records into their tables, beside the table of a stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from fft_core.engines.protocol import Session
from fft_core.errors import NothingArrivedError, StreamError
from fft_core.streaming.fitting import ColumnPolicy, fitted
from fft_core.streaming.intake import Intake
from fft_core.streaming.source import ERROR
from fft_core.streaming.tables import RECEIVED, WATERMARK, StreamTables, append

if TYPE_CHECKING:
    import pyarrow as pa


def keep_late(
    engine: Session,
    tables: StreamTables,
    intake: Intake,
    now: datetime,
    declared: Mapping[str, str],
    dead: list[pa.Table],
) -> int:
    """Write late events into their table, and count them; those that cannot be stored are added to `dead`."""
    import pyarrow as pa

    rows = intake.late
    if not rows.num_rows:
        return 0
    times = pa.array([intake.watermark] * rows.num_rows, pa.timestamp("us"))
    marked = received(rows.append_column(WATERMARK, times), now)
    fit = fitted(engine, tables.late, marked, ColumnPolicy(declared))
    for statement in fit.statements:
        engine.execute(statement)
    dead.append(fit.dead)
    if fit.rows.num_rows:
        append(engine, tables.late, fit.rows)
    return fit.rows.num_rows


def bury(engine: Session, tables: StreamTables, dead: Sequence[pa.Table], now: datetime) -> int:
    """Write bad records into their table, and count them."""
    import pyarrow as pa

    rows = pa.concat_tables(dead)
    if rows.num_rows:
        append(engine, tables.dead, received(rows, now))
    return rows.num_rows


def received(rows: pa.Table, now: datetime) -> pa.Table:
    """Return rows with the time at which they were kept."""
    import pyarrow as pa

    return rows.append_column(RECEIVED, pa.array([now] * rows.num_rows, pa.timestamp("us")))


def no_event(intake: Intake, why: str, missing: Sequence[str]) -> StreamError:
    """Return the error for a table that cannot be created, because no event exists.

    Args:
        intake: The batch, without an event.
        why: The reason why an event is needed.
        missing: The columns that would have to be declared.
    """
    declared = ", ".join(f"{name}: TYPE" for name in missing or ("id",))
    hint = f"Or declare the types, to build it without an event: columns: {{{declared}}}."
    if not intake.given:
        return NothingArrivedError(f"nothing has arrived yet, and {why}", hint=hint)
    first = next((str(error) for error in intake.dead.column(ERROR).to_pylist()), "it is too late")
    message = f"none of the {intake.given} records that have arrived is an event, and {why}; the first one: {first}"
    return StreamError(message, hint=hint, code="FFT-803")


def refuse_dead_share(dead: int, given: int, share: float | None) -> None:
    """Raise StreamError if the share of bad records in a batch is larger than allowed."""
    if share is not None and given and dead / given > share:
        hint = "Correct what sends them, or raise max_dead_share: they are kept in the table __dead then."
        raise StreamError(
            f"{dead} of {given} records are bad, more than the allowed share of {share:g}", hint=hint, code="FFT-802"
        )
