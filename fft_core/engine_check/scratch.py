"""A scratch schema in the database of a project: made for a check, and removed at its end."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace

from fft_core.engine_check.statements import listed
from fft_core.engines.protocol import Session, open_session
from fft_core.engines.spec import EngineSpec
from fft_core.engines.spec.registry import spec_of
from fft_core.errors import EngineError, FftError, RequestError
from fft_core.names import Relation
from fft_core.project.model import Project
from fft_core.project.model.project import without_hooks
from fft_core.project.profile.profiles import Profile

PREFIX = "ff_check_"
_OURS = (PREFIX, "_ff_")  # the beginnings of the names of all that a check creates
_KINDS_IN_ORDER = ("materialized_view", "view", "table")


class Scratch:
    """The sessions of a check, whose relations are in the scratch schema.

    Attributes:
        project: The project, with its relations in the scratch schema.
        schema: The name of the schema.
        is_made: Whether the schema was made for the check, and is dropped with everything in it.
        version: The version of the server, as it describes itself; None if it has none.
    """

    def __init__(self, project: Project, schema: str, *, is_made: bool) -> None:
        self.project = replace(without_hooks(project), profiles_read=project.profiles.placed(schema, project.engine))
        self.schema, self.is_made = schema, is_made
        self.version: str | None = None
        self._running: list[Session] = []

    @property
    def profile(self) -> Profile:
        return self.project.profiles.active(engine=self.project.engine)

    @property
    def spec(self) -> EngineSpec:
        return spec_of(self.project.engine)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open a session, in which `interrupt` cancels statements. Raises the errors of `EngineSpec.connect`."""
        with closing(open_session(self.profile.engine, self.profile.settings)) as session, self.interruptible(session):
            session.create_schema(session.relation("any"))
            yield session

    @contextmanager
    def interruptible(self, session: Session) -> Iterator[None]:
        """Let `interrupt` cancel the statements of a session while the context lasts."""
        self._running.append(session)
        try:
            yield
        finally:
            self._running.remove(session)

    def interrupt(self) -> None:
        """Cancel the statements that run, from any thread."""
        for session in tuple(self._running):
            with suppress(EngineError):
                session.interrupt()

    def names(self, session: Session) -> tuple[str, ...]:
        """Return the names of all relations in the schema."""
        with session.turn():
            return tuple(session.names_beside(session.relation("any"), ""))

    def remove(self) -> None:
        """Drop the schema, or the relations of the check if the schema was there before. Raises EngineError."""
        try:
            with closing(open_session(self.profile.engine, self.profile.settings)) as session, session.turn():
                if self.is_made:
                    session.execute(session.spelling.drop_schema(session.relation("")))
                else:
                    _drop_ours(session, session.relation(""))
        except FftError as error:
            said = error.problem.message.partition("\n")[0]
            raise EngineError(
                f"the scratch schema {self.schema} could not be removed: {said}",
                hint=f"Drop it by hand: nothing but this check has used {self.schema}."
                if self.is_made
                else f"Drop the relations in it whose names begin with {' or '.join(_OURS)}.",
                code="FFT-608",
            ) from error


def _drop_ours(session: Session, place: Relation) -> None:
    ours = [place.named(name) for name in session.names_beside(place, "") if name.lower().startswith(_OURS)]
    there = session.inspect(ours) if ours else {}
    for relation in sorted(there, key=lambda relation: _KINDS_IN_ORDER.index(there[relation].kind)):
        session.execute(session.spelling.drop(relation, there[relation].kind))


@contextmanager
def scratch_schema(project: Project, schema: str | None = None) -> Iterator[Scratch]:
    """Make a schema of a random name, and drop it at the end, also after an exception; nothing else is changed.

    Args:
        project: The project, whose active profile names the database.
        schema: An existing empty schema to use instead. It stays; what the check creates in it is dropped.

    Raises:
        RequestError: the engine has no schemas, or the schema is not empty, or is that of the profile.
        ProfileError: the profile cannot be used.
        EngineError: the database cannot be opened, the schema cannot be created, or cannot be removed.
    """
    spec = spec_of(project.engine)
    if not spec.schema_setting:
        raise RequestError(
            f"{spec.title or spec.name} has no schemas, but the check needs one of its own", code="FFT-300"
        )
    scratch = Scratch(project, schema or f"{PREFIX}{secrets.token_hex(6)}", is_made=schema is None)
    _refuse_own(project, scratch)
    is_empty = False
    try:
        with _made(scratch) as session:
            names = scratch.names(session)
            is_empty = not names
            if names:
                raise RequestError(
                    f"the schema {scratch.schema} is not empty: it has {listed(names)}",
                    hint="Name an empty schema, or leave --schema out: a new one is then made, and dropped.",
                    code="FFT-300",
                )
            scratch.version = _version(session)
        yield scratch
    finally:
        if is_empty:
            scratch.remove()


def _refuse_own(project: Project, scratch: Scratch) -> None:
    """Raise RequestError if the scratch schema is the one of the profile."""
    settings = project.profiles.active(engine=project.engine).settings
    own, other = (
        scratch.spec.folded(scratch.spec.namespace(given).relation("any"))
        for given in (settings, scratch.profile.settings)
    )
    if own == other:
        raise RequestError(
            f"{scratch.schema} is the schema of the profile {project.env}, which a check never touches",
            hint="Name another, empty schema, or leave --schema out.",
            code="FFT-300",
        )


@contextmanager
def _made(scratch: Scratch) -> Iterator[Session]:
    """Open a session, which creates the schema; the error for a user who may not has the option that helps."""
    profile = scratch.profile
    with closing(open_session(profile.engine, profile.settings)) as session, scratch.interruptible(session):
        try:
            session.create_schema(session.relation("any"))
        except EngineError as error:
            said = error.problem.message.partition("\n")[0]
            other = "Or name an existing empty schema: --schema NAME." if scratch.is_made else ""
            raise EngineError(
                f"the scratch schema {scratch.schema} cannot be created: {said}",
                hint=" ".join(filter(None, [error.problem.hint, other])) or None,
                code="FFT-608",
            ) from error
        yield session


def _version(session: Session) -> str | None:
    query = session.spelling.server_version
    if query is None:
        return None
    with session.turn():
        ((version,),) = session.fetch(query)
    return str(version)
