"""The tables beside that of a stream, for work on all of them: copies of another environment's, and what is left."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from fft_core.build.streams import body_of
from fft_core.engines.protocol import RelationKind, Session
from fft_core.names import Relation
from fft_core.names.columns import ColumnNames
from fft_core.project.model import Model
from fft_core.streaming.settings import is_of_a_model
from fft_core.streaming.source import PARTITION
from fft_core.streaming.state import forget_state, place_of_state, prepare_state, read_state, states_of, write_state
from fft_core.streaming.tables import StreamTables, add_index, columns_of


def copy_stream(here: Session, there: Session, model: Model, to: Relation, source: Relation) -> None:
    """Copy the events, late events and bad records of a stream, and its position, in the transaction of its rows.

    Without a position there, nothing is copied, and the position here is removed: the next build reads from the
    beginning of the source.

    Args:
        here: The session of the copy, in a transaction.
        there: A session with the names of the other environment.
        model: The stream.
        to: The table of the copy.
        source: The table in the other environment.

    Raises:
        BusyError: another process writes the stream here.
    """
    here.hold(place_of_state(to))
    prepare_state(here, to)
    before, state = read_state(here, to), read_state(there, source)
    _drop_beside(here, to)
    if state is None:
        forget_state(here, to, before)
        return
    mine, theirs = _beside(to), _beside(source)
    present = there.inspect(theirs)
    for copy, original in zip(mine, theirs, strict=True):
        if original in present:
            query = there.spelling.select_all(original)
            here.execute(here.spelling.create_as(copy, "table", query, replaces=False))
    _index(here, StreamTables(to), model)
    epoch = max(state.epoch, before.epoch if before else 0) + 1
    write_state(here, to, before, replace(state, epoch=epoch, holder=None))


def _index(engine: Session, tables: StreamTables, model: Model) -> None:
    body = body_of(model)
    names = ColumnNames(column.name for column in columns_of(engine, tables.events))
    if body.sink == "sessions" and body.event_time and (time := names.find(body.event_time)):
        add_index(engine, tables.events, time)


def _beside(target: Relation) -> tuple[Relation, Relation, Relation]:
    tables = StreamTables(target)
    return tables.events, tables.late, tables.dead


def _drop_beside(engine: Session, target: Relation) -> None:
    for relation, there in engine.inspect(_beside(target)).items():
        engine.execute(engine.spelling.drop(relation, there.kind))


@dataclass(frozen=True)
class LeftStream:
    """The tables and the position that a stream left.

    Attributes:
        tables: The tables beside its own table, with their kinds.
        is_of_a_model: Whether a model wrote them, and not a `StreamSessionizer`.
    """

    tables: tuple[tuple[Relation, RelationKind], ...]
    is_of_a_model: bool


def left_streams(
    engine: Session, targets: Sequence[Relation], taken: Collection[Relation]
) -> dict[Relation, LeftStream]:
    """Return what streams left, by their own tables; relations that no stream wrote are left out.

    Args:
        engine: The session.
        targets: The tables of former streams, which may not exist any more.
        taken: Relations that belong to models, seeds and sources, which are never left over.
    """
    states = states_of(engine, targets)
    candidates = [one for target in states for one in _beside(target) if one not in taken]
    there = engine.inspect(candidates) if candidates else {}
    found = dict[Relation, LeftStream]()
    for target, state in states.items():
        mine = [(one, there[one].kind) for one in _beside(target) if one in there and _is_ours(engine, one)]
        found[target] = LeftStream(tuple(mine), is_of_a_model(state.settings))
    return found


def _is_ours(engine: Session, relation: Relation) -> bool:
    return PARTITION in {column.name for column in columns_of(engine, relation)}


def drop_left(engine: Session, target: Relation, tables: Sequence[tuple[Relation, RelationKind]]) -> None:
    """Drop the tables that a stream left, and its position, in a transaction of the caller.

    Raises:
        BusyError: another process writes the stream.
        StatementError: another object depends on one of the tables.
    """
    engine.hold(place_of_state(target))
    before = read_state(engine, target)
    for relation, kind in tables:
        engine.execute(engine.spelling.drop(relation, kind))
    forget_state(engine, target, before)
