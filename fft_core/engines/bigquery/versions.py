"""Versions of the rows of a table on BigQuery: the time of its last change, or a digest of all rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from fft_core.engines.bigquery.spelling import SPELLING
from fft_core.engines.protocol import ColumnType
from fft_core.engines.session import NoVersions
from fft_core.names import Relation


class BigQueryVersions(NoVersions):
    """Versions and digests. Functions of users are not read, so a model that calls one is built in every run.

    Args:
        known: Returns the mark of the last change of each ordinary table.
    """

    def __init__(self, known: Callable[[Sequence[Relation]], Mapping[Relation, str]]) -> None:
        self._known = known

    def digest(self, alias: str, columns: Sequence[ColumnType], *, in_order: bool = False) -> str:
        """Render a sum and an exclusive or of hashes of the rows as JSON: the sum sees rows that occur twice."""
        row = f"to_json_string(struct({', '.join(_field(alias, column.name) for column in columns)}))"
        total = f"cast(sum(cast(farm_fingerprint({row}) as bignumeric)) as string)"
        other = f"cast(bit_xor(farm_fingerprint(concat('1', {row}))) as string)"
        return "null" if in_order else f"concat({total}, '-', {other})"

    def known(self, relations: Sequence[Relation]) -> Mapping[Relation, str]:
        return self._known(relations)


def _field(alias: str, name: str) -> str:
    quoted = SPELLING.quoted(name)
    return f"{alias}.{quoted} as {quoted}"
