"""Changes of grants, indexes and constraints on nodes that are reused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fft_core.plan.decision import Decision, Plan, Reason, ReasonKind

_KIND: ReasonKind = "attachments_changed"


def attachments_are_due(decision: Decision) -> bool:
    """Return whether a reused node declares other grants, indexes or constraints than its record has."""
    record = decision.record
    return not decision.is_build and record is not None and record.attached != decision.identity.attached


def sets_attachments(decision: Decision) -> bool:
    """Return whether the turn of a reused node sets grants, indexes or constraints, as its plan says."""
    return any(reason.kind == _KIND for reason in decision.reasons)


def with_attachments(decision: Decision) -> Decision:
    """Add a reason to the decision to reuse a node, if its grants, indexes or constraints have changed."""
    said = "nothing changed but its grants, indexes or constraints: they are set without a build"
    return _saying(decision, said) if attachments_are_due(decision) else decision


def with_foreign_keys(plan: Plan, referring: Mapping[str, Mapping[str, str]]) -> Plan:
    """Add a reason to reused nodes whose foreign keys are dropped by the builds of a plan, and are to be set again."""
    built = {decision.name for decision in plan.builds}
    lost = {node for name in built for node in referring.get(name, ())} - built
    said = "nothing changed: its foreign keys are set again, as a table that they refer to is built"
    decisions = (_saying(d, said) if d.name in lost and not sets_attachments(d) else d for d in plan.decisions)
    return replace(plan, decisions=tuple(decisions)) if lost else plan


def _saying(decision: Decision, said: str) -> Decision:
    others = [reason for reason in decision.reasons if reason.kind != "unchanged"]
    return replace(decision, reasons=(*others, Reason(_KIND, said)))
