"""Values of frames: they come back as they went, with their types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fft_core.engine_check.outcomes import BrokenClaimError
from fft_core.engine_check.statements import publish
from fft_core.engines.protocol import Session

if TYPE_CHECKING:
    import pyarrow as pa

NAME = "ff_check_frame"
WORDS = ("plain", 'it\'s a \\ "text" {of} `ours`;', "-- no comment", "", "ünïcödé 火", "two\nlines\tand a tab")


def plain_frame() -> pa.Table:
    """Return a frame of the types that every engine is expected to keep."""
    import pyarrow as pa

    return pa.table(
        {
            "i": pa.array([1, None, -(2**53)], pa.int64()),
            "f": pa.array([1.5, None, -2.0], pa.float64()),
            "s": pa.array(['a"b\n,', None, ""], pa.string()),
            "b": pa.array([True, None, False], pa.bool_()),
            "d": pa.array([0, None, 19000], pa.date32()),
            "t": pa.array([1, None, 10**15], pa.timestamp("us")),
        }
    )


def frames_come_back(session: Session) -> str:
    """Send a frame with rows, and one without, and read both again; return what was compared.

    Raises:
        BrokenClaimError: a value or type is not the same.
        EngineError: a statement fails.
    """
    frame = plain_frame()
    for sent in (frame, frame.slice(0, 0)):
        with session.turn(), session.frames.query(sent) as query:
            _compare(sent, session.frames.read(query))
    with session.turn(), session.frames.query(frame) as query:
        relation = publish(session, NAME, query)
    with session.turn():
        _compare(frame, session.frames.read(session.spelling.select_all(relation)).sort_by("i"), is_stored=True)
    return f"{frame.num_columns} types, with and without rows, as a query and as a table"


def _compare(sent: pa.Table, found: pa.Table, *, is_stored: bool = False) -> None:
    sent = sent.sort_by("i") if is_stored else sent  # a table has no order
    if found.column_names != sent.column_names:
        raise BrokenClaimError(f"the columns {sent.column_names} came back as {found.column_names}")
    for field in sent.schema:
        kind = found.schema.field(field.name).type
        if kind != field.type:
            raise BrokenClaimError(f"a column of {field.type} came back as {kind}")
        one, other = sent[field.name].to_pylist(), found[field.name].to_pylist()
        if one != other:
            raise BrokenClaimError(f"a column of {field.type} came back with other values: {one} as {other}")


def texts_come_back(session: Session) -> str:
    """Select texts with quotes, line breaks and letters of several languages. Raises BrokenClaimError, EngineError."""
    literal = session.spelling.literal
    ((*found,),) = session.fetch(f"select {', '.join(f'{literal(text)} as t{i}' for i, text in enumerate(WORDS))}")
    for sent, came in zip(WORDS, found, strict=True):
        if sent != came:
            raise BrokenClaimError(f"the text {sent!r} came back as {came!r}")
    return f"{len(WORDS)} texts"
