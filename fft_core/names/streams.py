"""The names of the tables beside that of a stream."""

from __future__ import annotations

from collections.abc import Iterator

from fft_core.names import Relation

STATE = "_ff_stream"
"""The name of the table with the positions of the streams of a schema."""


def events_of(target: Relation) -> Relation:
    """Return the table of the events that are kept.

    >>> str(events_of(Relation("clicks")))
    'clicks__events'
    """
    return target.named(f"{target.name}__events")


def late_of(target: Relation) -> Relation:
    """Return the table of the events that are older than allowed."""
    return target.named(f"{target.name}__late")


def dead_of(target: Relation) -> Relation:
    """Return the table of the records that are not events."""
    return target.named(f"{target.name}__dead")


def beside(target: Relation) -> Iterator[Relation]:
    """Return the tables of a stream, besides its own one and that of the positions."""
    yield from (events_of(target), late_of(target), dead_of(target))
