"""Readers that see whole versions of a relation: a second session reads while the first one publishes."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TypeAlias

from fft_core.engine_check.outcomes import BrokenClaimError
from fft_core.engine_check.statements import after_each_statement, numbers, publish
from fft_core.engines.protocol import RelationKind, Session
from fft_core.errors import EngineError

NAME, SOURCE = "ff_check_read", "ff_check_source"
_STEPWISE = 2  # publishes with a read after each statement
_FEWEST = 20  # rows of the first version; each version has one more
_LEAST_PATIENCE, _MOST_PATIENCE = 0.1, 2.0  # seconds
Answer: TypeAlias = tuple[int | None, ...]


@dataclass(frozen=True)
class Version:
    """A version of the relation that is published.

    Attributes:
        number: The value in each of its rows.
        kind: The kind of the relation.
        column: A further column; empty for none.
    """

    number: int
    kind: RelationKind = "table"
    column: str = ""

    @property
    def rows(self) -> int:
        return _FEWEST + self.number

    @property
    def answer(self) -> Answer:
        """The answer of a reader who sees this version and nothing else."""
        return (self.rows, self.number, self.number)

    def query(self, source: str) -> str:
        """Return the query of its rows, from a table with all whole numbers below a larger one."""
        more = f", i as {self.column}" if self.column else ""
        return f"select i, {self.number} as n{more} from {source} where i < {self.rows}"


class Reader:
    """A session that reads again and again, in a thread of its own, while the context lasts.

    Args:
        session: The session, which is closed at the end.
        query: The query, with one row.
    """

    def __init__(self, session: Session, query: str) -> None:
        self.answers: list[Answer] = []
        self.errors: list[EngineError] = []
        self._session, self._query = session, query
        self._ended = False
        self._read = threading.Condition()
        self._thread = threading.Thread(target=self._read_until_ended, name="fft-reader", daemon=True)
        self._patience = _MOST_PATIENCE

    def __enter__(self) -> Reader:
        began = time.monotonic()
        self._read_once()
        self._patience = min(max(5 * (time.monotonic() - began), _LEAST_PATIENCE), _MOST_PATIENCE)
        self._thread.start()
        return self

    def wait(self) -> None:
        """Wait until a read has begun and ended since the call; not for long, as a lock may hold the reader back."""
        with self._read:
            wanted = self._count + 2  # the running read began earlier
            self._read.wait_for(lambda: self._count >= wanted, self._patience)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        if kind is not None:
            with suppress(EngineError):
                self._session.interrupt()
        self._thread.join()
        self._session.close()

    @property
    def _count(self) -> int:
        return len(self.answers) + len(self.errors)

    def _read_until_ended(self) -> None:
        while not self._ended:
            self._read_once()
        self._read_once()  # after the last version was published

    def _read_once(self) -> None:
        try:
            with self._session.turn():
                ((*found,),) = self._session.fetch(self._query)
            self.answers.append(tuple(None if value is None else int(value) for value in found))
        except EngineError as error:
            self.errors.append(error)
        with self._read:
            self._read.notify_all()


def publish_under_readers(session: Session, versions: Sequence[Version]) -> str:
    """Publish versions one after the other while another session reads; return how often it read.

    After each statement of the first two publishes, the reader has the time for a read, unless a lock holds it back.
    During the other ones it reads at moments left to chance.

    Raises:
        BrokenClaimError: a reader did not see exactly one version, or an older one after a newer one.
        EngineError: a version cannot be published.
    """
    first, *others = versions
    stepwise, freely = others[:_STEPWISE], others[_STEPWISE:]
    source = publish(session, SOURCE, numbers(2 * _FEWEST)).sql(session.spelling)
    relation = publish(session, NAME, first.query(source), first.kind)
    query = f"select count(*), min(n), max(n) from {relation.sql(session.spelling)}"
    with Reader(session.for_thread(), query) as reader:
        with after_each_statement(session, reader.wait):
            for version in stepwise:
                publish(session, NAME, version.query(source), version.kind)
        for version in freely:
            publish(session, NAME, version.query(source), version.kind)
    if reader.errors:
        said = reader.errors[0].problem.message.partition("\n")[0]
        raise BrokenClaimError(f"{len(reader.errors)} of {_reads(reader)} failed: {said}")
    _judge(reader.answers, versions)
    return f"{_reads(reader)} while {len(others)} versions were published"


def _reads(reader: Reader) -> str:
    return f"{len(reader.answers) + len(reader.errors)} reads"


def _judge(answers: Sequence[Answer], versions: Sequence[Version]) -> None:
    known = {version.answer: version.number for version in versions}
    latest = 0
    for answer in answers:
        if answer not in known:
            count, least, most = answer
            said = f"{count} rows, of the versions {least} to {most}" if count else "an empty relation"
            raise BrokenClaimError(f"a reader saw {said}: not exactly one version")
        if known[answer] < latest:
            raise BrokenClaimError(f"a reader saw version {known[answer]} after version {latest}")
        latest = known[answer]
    if latest != versions[-1].number:
        raise BrokenClaimError(f"a reader saw version {latest} after version {versions[-1].number} was published")


def same_columns(session: Session) -> str:
    """Publish a table whose columns stay. Raises as `publish_under_readers`."""
    return publish_under_readers(session, [Version(number) for number in range(10)])


def other_columns(session: Session) -> str:
    """Publish a table with another column each time. Raises as `publish_under_readers`."""
    return publish_under_readers(session, [Version(number, column=f"c{number}") for number in range(3)])


def other_kinds(session: Session) -> str:
    """Publish a table and a view in turn. Raises as `publish_under_readers`."""
    kinds: tuple[RelationKind, ...] = ("table", "view")
    return publish_under_readers(session, [Version(number, kinds[number % 2]) for number in range(3)])
