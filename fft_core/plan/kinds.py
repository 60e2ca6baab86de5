"""A relation that becomes one of another kind: readers miss it for a moment where no statement does that at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fft_core.plan.decide import Decision, Plan, Reason
from fft_core.plan.records import Remembered


def with_gaps(plan: Plan, kinds: Mapping[str, str], remembered: Remembered) -> Plan:
    """Say of what a plan builds that its name is missing while it becomes what it will be.

    Args:
        plan: A plan for an engine that does not replace a view by a table at once.
        kinds: What models and seeds will be, by name: `table` or `view`.
        remembered: What is there.
    """

    def noted(decision: Decision) -> Decision:
        there, wanted = remembered.published.get(decision.name), kinds.get(decision.name)
        if not decision.is_build or there is None or wanted is None or there.kind == wanted:
            return decision
        detail = f"the {there.kind.replace('_', ' ')} is dropped before the {wanted} has its name: readers miss it then"
        return replace(decision, reasons=(*decision.reasons, Reason("kind_changed", detail)))

    return Plan(tuple(map(noted, plan.decisions)))
