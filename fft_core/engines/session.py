"""The base of all sessions: an author of an engine adds seven methods, and overrides those that differ."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from datetime import datetime
from typing import Any, ClassVar, NoReturn, TypeVar

from fft_core.engines.protocol import (
    Attachments,
    ColumnType,
    Estimates,
    Frames,
    NativeFrames,
    Places,
    Publisher,
    RelationKind,
    Row,
    Session,
    Stats,
    TableInfo,
    Types,
    Versions,
    Want,
)
from fft_core.engines.spec import Capabilities, EngineSpec, Namespace
from fft_core.engines.spec.attachments import Attachment
from fft_core.engines.spec.spelling import Spelling
from fft_core.engines.trace import Trace
from fft_core.errors import EngineError
from fft_core.names import Relation
from fft_core.names.functions import Definition

S = TypeVar("S", bound="BaseSession")


class StandardTypes:
    """Types by their names, for engines whose `=` compares all values correctly.

    Args:
        spelling: Renders statements.
        words: The engine's types for FFT's type names, in lower case; other names are the engine's own.
    """

    def __init__(self, spelling: Spelling, words: Mapping[str, str]) -> None:
        self.spelling = spelling
        self._words = words

    def column_type(self, declared: str) -> str:
        return self._words.get(declared.strip().lower(), declared)

    def usable_type(self, type: str) -> str:
        return type

    def holds_times(self, type: str) -> bool:
        return type.lower().startswith(("date", "timestamp"))

    def read_time(self, value: object) -> datetime:
        if not isinstance(value, datetime):
            raise ValueError(f"{value!r}, which is not a time")
        return value

    def json_value(self, value: object, type: str) -> str:
        return self.spelling.refuse("lists and mappings")

    def comparable(self, value: str, kind: str) -> str:
        return value

    def visible(self, value: str, kind: str) -> str:
        return value

    def unequal(self, value: str, kind: str) -> str | None:
        return None


class NoVersions:
    """The versions of an engine without data versions: each build counts as new rows. No user functions are found."""

    def digest(self, alias: str, columns: Sequence[ColumnType], *, in_order: bool = False) -> str:
        return "null"

    def known(self, relations: Sequence[Relation]) -> Mapping[Relation, str]:
        return {}

    def definitions(self) -> Sequence[Definition]:
        return ()

    def change_mark(self, relations: Iterable[Relation]) -> Hashable | None:
        return None


class NoNativeFrames:
    """The native frames of an engine that has none."""

    def frame(self, query: str, kind: str) -> NoReturn:
        raise EngineError(
            f"the engine does not support frames of the kind {kind!r} yet",
            hint="Use a frame of a library, such as pandas.DataFrame.",
            code="FFT-603",
        )

    def is_frame(self, value: object) -> bool:
        return False

    def query(self, frame: object) -> NoReturn:
        raise EngineError("this engine has no native frames", code="FFT-603")


class NoEstimates:
    """The estimates of an engine that does not estimate the cost of queries."""

    def bytes_of(self, sql: str) -> int | None:
        return None


class NoAttachments:
    """The attachments of an engine whose relations have none."""

    def removed(self, relation: Relation, kind: RelationKind, gone: Sequence[Attachment]) -> Sequence[str]:
        return ()

    def added(
        self,
        relation: Relation,
        kind: RelationKind,
        wanted: Sequence[Attachment],
        place: Callable[[str], Relation],
    ) -> Sequence[str]:
        return ()


class NoPlaces:
    """The places of an engine that reads no relations of other profiles; the error has the reason."""

    def __init__(self, spec: EngineSpec) -> None:
        self._spec = spec

    def of(self, settings: Mapping[str, Any]) -> Session:  # Any: a setting is text or a number
        raise EngineError(
            f"{self._spec.name} cannot read relations of another profile ({self._spec.can.reads_elsewhere})",
            code="FFT-223",
        )


class BaseSession(ABC):
    """A session on one connection, whose statements are transactions of their own unless `transaction` is overridden.

    The `__init__` of a subclass sets `publisher`, `types` and `frames`, and other parts if the engine has them.

    Args:
        namespace: The schema and catalog of the profile's relations.
    """

    spec: ClassVar[EngineSpec]
    publisher: Publisher
    types: Types
    frames: Frames

    def __init__(self, namespace: Namespace) -> None:
        self.name: str = self.spec.name
        self.dialect: str = self.spec.dialect
        self.capabilities: Capabilities = self.spec.can
        self.spelling: Spelling = self.spec.spelling
        self.trace = Trace()
        self.versions: Versions = NoVersions()
        self.estimates: Estimates = NoEstimates()
        self.attachments: Attachments = NoAttachments()
        self.places: Places = NoPlaces(self.spec)
        self.natives: NativeFrames = NoNativeFrames()
        self._namespace = namespace

    @abstractmethod
    def execute(self, sql: str) -> Stats: ...

    @abstractmethod
    def fetch(self, sql: str) -> list[Row]: ...

    @abstractmethod
    def columns(self, query: str) -> tuple[ColumnType, ...]: ...

    @abstractmethod
    def inspect(self, relations: Sequence[Relation], want: Want = Want.KIND) -> Mapping[Relation, TableInfo]: ...

    @abstractmethod
    def interrupt(self) -> None: ...

    @abstractmethod
    def close(self) -> None: ...

    def relation(self, name: str, schema: str | None = None, catalog: str | None = None) -> Relation:
        return self._namespace.relation(name, schema, catalog)

    def temporary(self, name: str) -> Relation:
        return Relation(name)

    def create_temporary(self, name: str, query: str, kind: RelationKind = "table") -> Stats:
        return self.execute(self.spelling.create_temporary(name, query, kind))

    def names_beside(self, relation: Relation, prefix: str) -> Sequence[str]:
        return [name for (name,) in self.fetch(self.spelling.names_like(relation, prefix))]

    def create_schema(self, relation: Relation) -> None:
        self.execute(self.spelling.create_schema(relation))

    def transaction(self) -> AbstractContextManager[None]:
        return nullcontext()

    def hold(self, relation: Relation) -> None:  # noqa: B027 (the default has no lock)
        pass

    def turn(self) -> AbstractContextManager[None]:
        return nullcontext()

    def openings(self) -> int:
        return 1


def looking_at(session: S, place: Namespace) -> S:
    """Return a session with the relation names of another place that it can read; it must not be closed."""
    named = copy(session)
    named._namespace = place
    return named


def total(stats: Iterable[Stats]) -> Stats:
    """Add the results of several statements; a sum is None if one of its numbers is unknown.

    >>> total([Stats(2, 10), Stats(3)])
    Stats(rows=5, bytes=None, job=None)
    """
    found = tuple(stats)
    return Stats(_sum(one.rows for one in found), _sum(one.bytes for one in found))


def _sum(numbers: Iterable[int | None]) -> int | None:
    given = tuple(numbers)
    known = [number for number in given if number is not None]
    return sum(known) if len(known) == len(given) else None
