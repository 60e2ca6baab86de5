"""Changes of the layout of a table: its partitions, clusters and the like, which change no rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fft_core.plan.decision import Decision
from fft_core.plan.fingerprint import changed_keys
from fft_core.plan.records import BuildRecord


def changed_layout(decision: Decision) -> frozenset[str]:
    """Return the keys of the layout of a node for which its existing table may have other values."""
    identity = decision.identity
    if decision.is_increment and not decision.is_as_recorded:
        return frozenset(key for key in identity.layout_keys if key in identity.config)
    return changed_since(decision.record, identity.config, identity.layout_keys)


def changed_since(record: BuildRecord | None, config: Mapping[str, str], keys: Sequence[str]) -> frozenset[str]:
    """Return the keys of a layout that have another value in a config than in a record; none without a record."""
    if record is None or record.fingerprint is None:
        return frozenset()
    return frozenset(keys).intersection(changed_keys(record.fingerprint.config, config))
