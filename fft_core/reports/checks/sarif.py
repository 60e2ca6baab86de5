"""Failed checks and warnings as SARIF 2.1.0: code hosts show them beside the lines that declare them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fft_core.reports.checks.outcomes import CheckOutcome
from fft_core.reports.sarif import Level, SarifResult, SarifRule, sarif_document


def sarif_of_checks(outcomes: Iterable[CheckOutcome], root: Path) -> dict[str, Any]:
    """Return the checks that did not pass as plain values of one SARIF run; a type of checks is a rule.

    Args:
        outcomes: The outcomes of the checks.
        root: The folder of the project.
    """
    bad = [outcome for outcome in outcomes if outcome.fails or outcome.status == "warn"]
    types = sorted({outcome.type for outcome in bad})
    rules = {name: SarifRule(f"A check of the type {name}.", "error") for name in types}
    return sarif_document(map(_result, bad), rules, root)


def _result(outcome: CheckOutcome) -> SarifResult:
    # rows differ from run to run: the same check that fails again is the same result
    text = f"{outcome.subject}: {outcome.name}: {outcome.message}"
    text += f"\nThe first of them: {outcome.first_row}" if outcome.first_row else ""
    level: Level = "error" if outcome.fails else "warning"
    return SarifResult(outcome.type, level, text, outcome.where, identity=f"{outcome.node}\0{outcome.name}")
