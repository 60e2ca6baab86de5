"""The fixtures of an engine's tests: an empty database, a session with it, a project on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from fft_core.engine_check.statements import publish
from fft_core.engines.protocol import RelationKind, Session, open_session
from fft_core.engines.spec import EngineSpec, Support
from fft_core.engines.spec.registry import spec_of
from fft_core.names import Relation
from fft_core.testing.shop import Shop


class OnAnEngine:
    """The fixtures and attributes of the contract's tests.

    Attributes:
        engine: The name of the engine.
        levels: The claim for each of `LEVELS`.
        slow_query: A query that takes seconds, to be interrupted.
    """

    engine: ClassVar[str]
    levels: ClassVar[Mapping[str, Support]]
    slow_query: ClassVar[str] = (
        "with recursive r(i) as (select 1 union all select i + 1 from r where i < 30000000) select max(i) from r"
    )

    # The attributes of a class of tests. An author overrides `settings`.

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Mapping[str, Any]:
        """Return the settings of a profile for an empty database that no other test uses."""
        raise NotImplementedError(f"{type(self).__name__} has no fixture `settings`")

    @pytest.fixture
    def session(self, settings: Mapping[str, Any]) -> Iterator[Session]:
        """Open a session on it."""
        session = open_session(self.engine, settings)
        session.create_schema(session.relation("any"))
        yield session
        session.close()

    @pytest.fixture
    def shop(self, tmp_path: Path, settings: Mapping[str, Any]) -> Shop:
        """Make an empty project on it."""
        return Shop(tmp_path / "project", self.engine, settings)

    @property
    def spec(self) -> EngineSpec:
        """The spec of the engine."""
        return spec_of(self.engine)

    def publish(self, session: Session, name: str, query: str, kind: RelationKind = "table") -> Relation:
        """Publish the rows of a query, with the stamp ab."""
        return publish(session, name, query, kind)
