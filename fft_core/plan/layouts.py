"""Changes of the layout of a table: its partitions, clusters and the like, which change no rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fft_core.plan.decide import Decision
from fft_core.plan.fingerprint import changed_keys
from fft_core.plan.records import BuildRecord


def layout_is_new(decision: Decision) -> bool:
    """Return whether the existing table of a node may have another layout than the configured one."""
    identity = decision.identity
    if decision.is_increment and not decision.is_as_recorded:
        return any(key in identity.config for key in identity.layout_keys)
    return layouts_differ(decision.record, identity.config, identity.layout_keys)


def layouts_differ(record: BuildRecord | None, config: Mapping[str, str], keys: Iterable[str]) -> bool:
    """Return whether a recorded build has other values of the keys of a layout than a config."""
    if record is None or record.fingerprint is None:
        return False
    return not set(keys).isdisjoint(changed_keys(record.fingerprint.config, config))
