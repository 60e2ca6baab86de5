"""Access to the relations of other profiles: in other datasets and projects of the same location."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fft_core.engines.bigquery import namespace
from fft_core.engines.session import looking_at
from fft_core.errors import EngineError

if TYPE_CHECKING:
    from fft_core.engines.bigquery.session import BigQuerySession


class BigQueryPlaces:
    """Access of a session to the relations of other profiles.

    Args:
        session: The session.
        location: Where its jobs run, if the profile says so.
    """

    def __init__(self, session: BigQuerySession, location: str | None) -> None:
        self._session = session
        self._location = location

    def of(self, settings: Mapping[str, Any]) -> BigQuerySession:  # Any: a setting is text, a number or a truth value
        other = settings["location"]
        if other and self._location and other.lower() != self._location.lower():
            raise EngineError(
                f"the other profile is in another location: {other}, and this one is in {self._location}",
                hint="One query reads one location. Put both environments into datasets of one.",
                code="FFT-223",
            )
        return looking_at(self._session, namespace(settings))
