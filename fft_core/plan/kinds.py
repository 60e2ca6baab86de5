"""Changes of a relation's kind: if the engine has no single statement for that, readers miss it for a moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fft_core.plan.decision import Decision, Plan, Reason
from fft_core.plan.records import Remembered


def with_gaps(plan: Plan, kinds: Mapping[str, str], remembered: Remembered) -> Plan:
    """Add a reason to the builds of a plan that change the kind of a relation, during which readers miss it.

    Args:
        plan: A plan for an engine that does not replace a view by a table in one statement.
        kinds: The kinds that models and seeds will have, by name: `table` or `view`.
        remembered: The published relations and their records.
    """

    def noted(decision: Decision) -> Decision:
        there, wanted = remembered.published.get(decision.name), kinds.get(decision.name)
        if not decision.is_build or there is None or wanted is None or there.kind == wanted:
            return decision
        kind = there.kind.replace("_", " ")
        detail = f"the {kind} is dropped before the {wanted} has its name: readers find neither for a moment"
        return replace(decision, reasons=(*decision.reasons, Reason("kind_changed", detail)))

    return Plan(tuple(map(noted, plan.decisions)))
