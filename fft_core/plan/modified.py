"""Nodes whose published rows differ from their current code, config and inputs: `state:modified`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from fft_core.plan.decide import decide, recorded_version
from fft_core.plan.decision import InputVersion, Reason, ReasonKind, Request
from fft_core.plan.fingerprint import NodeIdentity, placed_as
from fft_core.plan.records import Remembered

# These reasons build a model although it does not differ from the last build.
_NO_DIFFERENCE: frozenset[ReasonKind] = frozenset(
    {
        "volatile",
        "source_unversioned",
        "input_may_change",
        "requested",
        "full_refresh",
        "cache_off",
        "unchanged",
        "checks_changed",
        "attachments_changed",
    }
)
DIFFERENCES: frozenset[ReasonKind] = frozenset(get_args(ReasonKind)) - _NO_DIFFERENCE


def modified(
    identities: Sequence[NodeIdentity], remembered: Remembered, source_versions: Mapping[str, str | None]
) -> frozenset[str]:
    """Return the names of the nodes that differ from their records, see `differences`."""
    return frozenset(differences(identities, remembered, source_versions))


def differences(
    identities: Sequence[NodeIdentity], remembered: Remembered, source_versions: Mapping[str, str | None]
) -> Mapping[str, tuple[Reason, ...]]:
    """Find the nodes whose own plan builds them because something differs from the record, with the reasons.

    A node that reads a modified node counts as modified only after that one is built: until then its inputs are those
    of its record.

    Args:
        identities: The nodes in build order.
        remembered: The records, and the state of the relations.
        source_versions: The data version of every source that is read; None if it has none.
    """
    versions = {name: InputVersion(version, is_source=True) for name, version in source_versions.items()}
    for identity in identities:
        versions[identity.name] = recorded_version(remembered, identity.name, versions)
    decisions = (decide(identity, versions, remembered, Request()) for identity in identities)
    found = {d.name: tuple(reason for reason in d.reasons if reason.kind in DIFFERENCES) for d in decisions}
    return {name: reasons for name, reasons in found.items() if reasons}


def as_built_by(identity: NodeIdentity, remembered: Remembered) -> NodeIdentity:
    """Return the identity of a node, as if it were built by the profile of its record."""
    record = remembered.records.get(identity.name)
    return placed_as(identity, record.fingerprint) if record and record.fingerprint else identity
