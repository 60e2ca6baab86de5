"""Access to the relations of other profiles: in other schemas and databases of the same account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fft_core.engines.session import looking_at
from fft_core.engines.snowflake import namespace
from fft_core.errors import EngineError

if TYPE_CHECKING:
    from fft_core.engines.snowflake.session import SnowflakeSession


class SnowflakePlaces:
    """Access of a session to the relations of other profiles.

    Args:
        session: The session.
        account: The account that it is connected to.
    """

    def __init__(self, session: SnowflakeSession, account: str) -> None:
        self._session = session
        self._account = account

    def of(self, settings: Mapping[str, Any]) -> SnowflakeSession:  # Any: a setting is text, a number or a truth value
        if settings["account"].lower() != self._account.lower():
            raise EngineError(
                f"the other profile is on another account: {settings['account']}, but this one is on {self._account}",
                hint="One statement reads one account. Put both environments into databases or schemas of one account.",
                code="FFT-223",
            )
        return looking_at(self._session, namespace(settings))
