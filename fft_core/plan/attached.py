"""Whether the grants, indexes and constraints of a node that is reused are those of its record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fft_core.plan.decide import Decision, Plan, Reason, ReasonKind

_KIND: ReasonKind = "attachments_changed"


def attachments_are_due(decision: Decision) -> bool:
    """Whether a node is reused whose grants, indexes or constraints are declared otherwise than when it was built."""
    record = decision.record
    return not decision.is_build and record is not None and record.attached != decision.identity.attached


def sets_attachments(decision: Decision) -> bool:
    """Whether the turn of a reused node sets grants, indexes or constraints, as its plan says."""
    return any(reason.kind == _KIND for reason in decision.reasons)


def with_attachments(decision: Decision) -> Decision:
    """Say so in its reasons."""
    said = "nothing changed but its grants, indexes or constraints: they are set without a build"
    return _saying(decision, said) if attachments_are_due(decision) else decision


def with_foreign_keys(plan: Plan, referring: Mapping[str, Mapping[str, str]]) -> Plan:
    """Say of reused nodes that they get foreign keys back, which the builds of a plan set aside."""
    built = {decision.name for decision in plan.builds}
    lost = {node for name in built for node in referring.get(name, ())} - built
    said = "nothing changed: its foreign keys are set again, as what they refer to is built"
    decisions = (_saying(d, said) if d.name in lost and not sets_attachments(d) else d for d in plan.decisions)
    return replace(plan, decisions=tuple(decisions)) if lost else plan


def _saying(decision: Decision, said: str) -> Decision:
    others = [reason for reason in decision.reasons if reason.kind != "unchanged"]
    return replace(decision, reasons=(*others, Reason(_KIND, said)))
