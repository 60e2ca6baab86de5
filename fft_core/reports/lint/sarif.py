"""Findings about a project as SARIF 2.1.0."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fft_core.reports.lint.findings import INVALID, Finding
from fft_core.reports.sarif import SarifResult, SarifRule, sarif_document


def sarif_report(findings: Iterable[Finding], root: Path) -> dict[str, Any]:
    """Return findings as plain values of one SARIF run; see `sarif_document`."""
    from fft_core.reports.lint.rules import RULES  # imports the parser of SQL, which is slow

    rules = {INVALID: SarifRule("The project cannot be loaded or rendered.", "error")}
    rules |= {name: SarifRule(rule.summary, rule.level) for name, rule in RULES.items()}
    return sarif_document(map(_result, findings), rules, root)


def _result(finding: Finding) -> SarifResult:
    text = f"{finding.message}\n{finding.hint}" if finding.hint else finding.message
    # a finding on another line is the same one: lines move if other lines are edited
    return SarifResult(finding.rule, finding.level, text, finding.where, finding.message, finding.code)
