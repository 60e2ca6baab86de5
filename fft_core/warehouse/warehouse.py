"""An engine and a project on it: the place of each relation. Opened from a profile; one session per thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType

from fft_core.compile.call import Compiler
from fft_core.compile.render import Naming
from fft_core.engines.late import late_session
from fft_core.engines.protocol import Session, open_session
from fft_core.engines.spec import LOCK_TIMEOUT
from fft_core.engines.spec.masking import Masker
from fft_core.names import Relation
from fft_core.project.model import Model, Project, Seed, SourceName
from fft_core.project.places import Places, planned_places
from fft_core.project.profile.profiles import Profile
from fft_core.project.profile.secrets import project_masker
from fft_core.warehouse.records import is_migrated, migrate


@dataclass
class _Shared:
    """The state that the sessions of one process share."""

    compiler: Compiler
    masker: Masker
    places: Places
    lock: threading.Lock = field(default_factory=threading.Lock)
    schemas: set[Relation] = field(default_factory=set)
    has_records: bool = False
    deferred: Mapping[str | SourceName, Relation] = field(default_factory=dict)


class Warehouse:
    """One session: the engine of one thread, and the project whose relations are there. A context manager.

    >>> from fft_core import Warehouse, load_project, open_warehouse
    >>> def where(warehouse: Warehouse) -> list[str]:
    ...     return [str(warehouse.relation(node.name)) for node in warehouse.project.stored()]
    >>> with open_warehouse(load_project("shop"), schema="staging", path=":memory:") as warehouse:
    ...     where(warehouse)[-1]
    'memory.staging.domains'
    """

    def __init__(
        self,
        project: Project,
        engine: Session,
        shared: _Shared | None = None,
        elsewhere: Mapping[str | SourceName, Relation] | None = None,
        compiler: Compiler | None = None,
    ) -> None:
        self.project = project
        self.engine = engine
        self._shared = shared or _Shared(
            compiler or Compiler(project), project_masker(project), _places(project, engine)
        )
        self._elsewhere = elsewhere or {}
        self.compiler = self._shared.compiler
        self.masker = self._shared.masker
        engine.trace.mask, engine.trace.project = self.masker, project.name
        self.naming = Naming(self.relation, engine.spelling)

    @classmethod
    def over(cls, project: Project, engine: Session, compiler: Compiler, masker: Masker) -> Warehouse:
        """Return the warehouse of a project over a session that belongs to the caller, with a masker of secrets."""
        return cls(project, engine, _Shared(compiler, masker, _places(project, engine)))

    def now(self) -> datetime:
        """Return the current time for the rows of this warehouse, in UTC; the frozen time, if time is frozen."""
        return self.compiler.frozen_at or datetime.now(UTC)

    def relation(self, node: str | SourceName) -> Relation:
        """Return the relation from which a model, seed or source is read. Raises KeyError for an unknown source."""
        if node in self._elsewhere:
            return self._elsewhere[node]
        return self._shared.deferred.get(node) or self.place(node)

    def place(self, node: str | SourceName) -> Relation:
        """Return the relation of a model, seed or source in this environment, even if it is read from another one."""
        place = self._shared.places.of(node)
        return self.engine.relation(place.name, place.schema, place.catalog)

    def place_text(self, node: str) -> str:
        """Return the place of a node as text, in the form of its record."""
        return str(self.place(node))

    @property
    def environment(self) -> str:
        """The environment in the records of builds, with the variables by which templates of places separate users."""
        return self._shared.places.environment

    def defer(self, relations: Mapping[str | SourceName, Relation]) -> None:
        """Read these nodes and sources, and no others, from another environment from now on, in all sessions."""
        self._shared.deferred = relations

    def backing(self, node: Model | Seed) -> Relation | None:
        """Return the table that stores the rows of a Python model in a view; None for every other node."""
        name = node.backing_name if isinstance(node, Model) else None
        return self.place(node.name).named(name) if name else None

    def session(self) -> Warehouse:
        """Return a session for another thread on the same database; the caller closes it."""
        return Warehouse(self.project, self.engine.for_thread(), self._shared)

    def with_temporary(self, relations: Mapping[str | SourceName, str]) -> Warehouse:
        """Return a session in which temporary tables of these names replace models, seeds and sources.

        The caller creates the tables, and closes the session, with which they end.
        """
        engine = self.engine.for_thread()
        elsewhere = {node: engine.temporary(name) for node, name in relations.items()}
        return Warehouse(self.project, engine, self._shared, elsewhere)

    def ensure_schema(self, relation: Relation) -> None:
        """Create the schema of a relation if it is missing; once, and outside of a build's transaction."""
        schema = relation.named("")
        with self._shared.lock:
            if schema not in self._shared.schemas:
                self.engine.create_schema(relation)
                self._shared.schemas.add(schema)

    def ensure_records(self) -> None:
        """Create or migrate the tables of the build records, once."""
        with self._shared.lock:
            if not self._shared.has_records:
                if not is_migrated(self.engine):
                    migrate(self.engine)
                self._shared.has_records = True

    def close(self) -> None:
        """Close the session."""
        self.engine.close()

    def __enter__(self) -> Warehouse:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _places(project: Project, engine: Session) -> Places:
    return Places(project, engine.relation(""), project.profiles.naming)


def planned_relations(project: Project) -> Callable[[str | SourceName], Relation]:
    """Return a function that returns the relation of a node or source, without the database. Raises ProfileError."""
    return planned_places(project).of


def open_warehouse(
    project: Project,
    /,  # an engine may have a setting of this name
    profile: Profile | None = None,
    *,
    read_only: bool = False,
    patience_seconds: int | None = None,
    compiler: Compiler | None = None,
    late: bool = False,
    **overrides: object,
) -> Warehouse:
    """Open the database that the project's profile names.

    Args:
        project: A loaded project; its `env` chooses the profile.
        profile: The profile, if it has been read already.
        read_only: Change nothing and create no database, as for plans and queries.
        patience_seconds: The longest wait for other processes, if the profile allows a longer one.
        compiler: The compiler of the project, if it exists already.
        late: With `read_only`, for one thread: open the database only when a statement needs it.
        overrides: Settings of the engine that override profile and variables, such as `path`.

    Raises:
        ProfileError: the profile cannot be used.
        MissingDriverError, ConnectError, BusyError: the database cannot be opened.

    >>> from fft_core import load_project, open_warehouse
    >>> with open_warehouse(load_project("shop"), path=":memory:") as warehouse:
    ...     print(warehouse.relation("users"))
    memory.main.users
    """
    profile = profile or project.profiles.active(engine=project.engine, **overrides)
    settings = dict(profile.settings)
    if patience_seconds is not None and LOCK_TIMEOUT in settings:
        settings[LOCK_TIMEOUT] = min(patience_seconds, settings[LOCK_TIMEOUT])
    engine = late_session(profile.engine, settings) if late else None
    engine = engine or open_session(profile.engine, settings, read_only=read_only)
    places = Places(project, engine.relation(""), profile.naming)
    return Warehouse(project, engine, _Shared(compiler or Compiler(project), project_masker(project), places))
