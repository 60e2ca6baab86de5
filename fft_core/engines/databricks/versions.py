"""Versions of the rows of a table on Spark: a snapshot of Iceberg, a version of Delta, or a digest of all rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fft_core.engines.databricks.catalog import listed
from fft_core.engines.databricks.types import as_json
from fft_core.engines.protocol import ColumnType
from fft_core.engines.session import NoVersions
from fft_core.errors import StatementError
from fft_core.names import Relation

if TYPE_CHECKING:
    from fft_core.engines.databricks.session import SparkEngineSession


class SparkVersions(NoVersions):
    """Versions and digests. Functions of users are not read, so a model that calls one is built in every run."""

    def __init__(self, session: SparkEngineSession) -> None:
        self._session = session

    def digest(self, alias: str, columns: Sequence[ColumnType], *, in_order: bool = False) -> str:
        """Render two sums of hashes of each row's JSON: a hash of the values themselves does not see NULL."""
        if in_order:
            return "null"
        names = [self._session.spelling.quoted(column.name) for column in columns]
        pairs = ", ".join(f"'c{place}', {alias}.{name}" for place, name in enumerate(names))
        row = as_json(f"named_struct({pairs})")
        sums = [f"sum(cast(xxhash64({salt}{row}) as decimal(38,0)))" for salt in ("", "'_ff', ")]
        spelled = ", ".join(f"coalesce(cast({one} as string), '')" for one in sums)
        return f"concat_ws(':', count(*), {spelled})"

    def known(self, relations: Sequence[Relation]) -> Mapping[Relation, str]:
        session = self._session
        if session.form == "delta":
            found = {one: self._delta_version(one) for one in relations}
            return {one: version for one, version in found.items() if version is not None}
        there = listed(session.fetch, session.spelled, relations)
        return {one: info.snapshot for one, info in there.items() if info.snapshot and info.kind == "table"}

    def _delta_version(self, relation: Relation) -> str | None:
        """Return the newest version of a table with its time, as one that is made again begins at 0; None of others."""
        session = self._session
        try:
            rows = session.fetch(f"describe history {session.spelling.relation(relation)} limit 1")
        except StatementError:
            return None
        return f"{rows[0][0]}:{rows[0][1]}" if rows else None
