"""Access to the relations of other profiles: in another schema of the file, or in another file, which is attached."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from fft_core.engines.duckdb import MEMORY, namespace
from fft_core.engines.session import looking_at
from fft_core.engines.spec import Namespace
from fft_core.errors import EngineError

if TYPE_CHECKING:
    from fft_core.engines.duckdb.session import DuckDBSession

Attach: TypeAlias = Callable[[Path, str], str]


class DuckDBPlaces:
    """Access of a session to the relations of other profiles.

    Args:
        session: The session.
        attach: Attaches a file, with a wanted name of its catalog; returns the name that it got.
    """

    def __init__(self, session: DuckDBSession, attach: Attach) -> None:
        self._session = session
        self._attach = attach

    def of(self, settings: Mapping[str, Any]) -> DuckDBSession:  # Any: a setting is text or a number
        place, path = namespace(settings), settings.get("path") or MEMORY
        if path == MEMORY:
            raise EngineError("the other database is in memory: only its own process can read it", code="FFT-223")
        return looking_at(self._session, Namespace(place.schema, self._attach(Path(path), place.catalog or "")))
