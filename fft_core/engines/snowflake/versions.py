"""Versions of the rows of a table on Snowflake: a token of the service, or a digest of all rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fft_core.engines.protocol import ColumnType
from fft_core.engines.session import NoVersions
from fft_core.engines.snowflake.catalog import Fetch, change_tokens
from fft_core.engines.snowflake.types import SnowflakeTypes
from fft_core.names import Relation


class SnowflakeVersions(NoVersions):
    """Tokens and digests. Functions of users are not read, so a model that calls one is built in every run."""

    def __init__(self, fetch: Fetch, types: SnowflakeTypes) -> None:
        self._fetch = fetch
        self._types = types

    def digest(self, alias: str, columns: Sequence[ColumnType], *, in_order: bool = False) -> str:
        """Render HASH_AGG, with texts of values that may look different: equal values have the same hash."""
        spelling, hashed = self._types.spelling, list[str]()
        for column in columns:
            value = f"{alias}.{spelling.quoted(column.name)}"
            visible = self._types.visible(value, column.type)
            hashed += [value] if visible == value else [value, visible]
        return "null" if in_order else f"to_varchar(hash_agg({', '.join(hashed)}))"

    def known(self, relations: Sequence[Relation]) -> Mapping[Relation, str]:
        return change_tokens(self._fetch, relations)
