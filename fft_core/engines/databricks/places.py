"""Access to the relations of other profiles: in other databases and catalogs of the same Spark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fft_core.engines.databricks import namespace
from fft_core.engines.session import looking_at
from fft_core.errors import EngineError

if TYPE_CHECKING:
    from fft_core.engines.databricks.session import SparkEngineSession


class SparkPlaces:
    """Access of a session to the relations of other profiles.

    Args:
        session: The session.
        endpoint: What it is connected to.
    """

    def __init__(self, session: SparkEngineSession, endpoint: str) -> None:
        self._session = session
        self._endpoint = endpoint

    def of(self, settings: Mapping[str, Any]) -> SparkEngineSession:  # Any: a setting is text, a truth value or a map
        other = (settings.get("remote") or settings["master"]).partition("/;")[0]
        if other != self._endpoint:
            raise EngineError(
                f"the other profile is on another Spark: {other}, and this one is {self._endpoint}",
                hint="One statement reads one Spark. Put both environments into databases or catalogs of one.",
                code="FFT-223",
            )
        return looking_at(self._session, namespace(settings))
