"""Whether the grants, indexes and constraints of a node that is reused are those of its record."""

from __future__ import annotations

from dataclasses import replace

from fft_core.plan.decide import Decision, Reason


def attachments_are_due(decision: Decision) -> bool:
    """Whether a node is reused whose grants, indexes or constraints are declared otherwise than when it was built."""
    record = decision.record
    return not decision.is_build and record is not None and record.attached != decision.identity.attached


def with_attachments(decision: Decision) -> Decision:
    """Say so in its reasons."""
    if not attachments_are_due(decision):
        return decision
    said = "nothing changed but its grants, indexes or constraints: they are set without a build"
    others = [reason for reason in decision.reasons if reason.kind != "unchanged"]
    return replace(decision, reasons=(*others, Reason("attachments_changed", said)))
