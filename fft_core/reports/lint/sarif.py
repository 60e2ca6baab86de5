"""Findings as SARIF 2.1.0, which code hosts show beside the lines."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fft_core.names.text import visible
from fft_core.reports.lint.findings import INVALID, Finding, Level
from fft_core.version import VERSION

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif_report(findings: Iterable[Finding], root: Path) -> dict[str, Any]:
    """Give findings as plain values of one SARIF run.

    Files are named relative to the repository that the project's folder is in, as code hosts want it; relative to the
    folder where it is in none.
    """
    from fft_core.reports.lint.rules import RULES  # with the parser of SQL, which is slow to import

    folder = _below_repository(root.resolve())
    rules = [_rule(INVALID, "error", "The project cannot be loaded or rendered.")]
    rules += [_rule(name, rule.level, rule.summary) for name, rule in RULES.items()]
    index = {rule["id"]: number for number, rule in enumerate(rules)}
    driver = {"name": "fft", "version": VERSION, "rules": rules}
    results = [{"ruleIndex": index[finding.rule], **_result(finding, folder)} for finding in findings]
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}


def _rule(name: str, level: Level, summary: str) -> dict[str, Any]:
    return {"id": name, "shortDescription": {"text": summary}, "defaultConfiguration": {"level": level}}


def _result(finding: Finding, folder: Path) -> dict[str, Any]:
    uri = quote((folder / finding.where.path).as_posix())
    location: dict[str, Any] = {"artifactLocation": {"uri": uri, "uriBaseId": "%SRCROOT%"}}
    if finding.where.line is not None:
        location["region"] = {"startLine": finding.where.line}
    text = visible(f"{finding.message}\n{finding.hint}" if finding.hint else finding.message)
    text = re.sub(r"\[(?=[^\]]*\]\()", r"\\[", text)  # in SARIF, [text](target) is a link
    # the same finding on another line is the same: lines move when something else is edited
    identity = hashlib.sha256("\0".join([finding.rule, uri, finding.message]).encode()).hexdigest()
    return {
        "ruleId": finding.rule,
        "level": finding.level,
        "message": {"text": text},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"fftFinding/v1": identity[:32]},
    }


def _below_repository(root: Path) -> Path:
    for folder in (root, *root.parents):
        if (folder / ".git").exists():
            return root.relative_to(folder)
    return Path()
