"""Findings as SARIF 2.1.0, which code hosts show beside the lines of a change."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import quote

from fft_core.errors import Location
from fft_core.names.text import visible
from fft_core.version import VERSION

Level: TypeAlias = Literal["error", "warning", "note"]
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


@dataclass(frozen=True)
class SarifResult:
    """One result.

    Attributes:
        rule: The name of its rule, one of those of the report.
        level: Its severity.
        text: The message.
        where: A file of the project, relative to its folder.
        identity: A text that is equal for the same result of another run, even if its line or its numbers differ.
        code: The code of an error, as `FFT-110`.
    """

    rule: str
    level: Level
    text: str
    where: Location
    identity: str
    code: str | None = None


@dataclass(frozen=True)
class SarifRule:
    """The description of a rule, and the default level of its results."""

    summary: str
    level: Level


def sarif_document(results: Iterable[SarifResult], rules: Mapping[str, SarifRule], root: Path) -> dict[str, Any]:
    """Return results as plain values of one SARIF run.

    Files are named relative to the repository of the project's folder, as code hosts require; relative to the folder if
    it is not in a repository.

    Args:
        results: The results.
        rules: The rules by name, including all that the results name.
        root: The folder of the project.
    """
    folder = _below_repository(root.resolve())
    index = {name: number for number, name in enumerate(rules)}
    driver = {"name": "fft", "version": VERSION, "rules": [_rule(name, rule) for name, rule in rules.items()]}
    found = [{"ruleIndex": index[result.rule], **_result(result, folder)} for result in results]
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": found}]}


def _rule(name: str, rule: SarifRule) -> dict[str, Any]:
    return {"id": name, "shortDescription": {"text": rule.summary}, "defaultConfiguration": {"level": rule.level}}


def _result(result: SarifResult, folder: Path) -> dict[str, Any]:
    uri = quote((folder / result.where.path).as_posix())
    location: dict[str, Any] = {"artifactLocation": {"uri": uri, "uriBaseId": "%SRCROOT%"}}
    if result.where.line is not None:
        location["region"] = {"startLine": result.where.line}
    text = re.sub(r"\[(?=[^\]]*\]\()", r"\\[", visible(result.text))  # in SARIF, [text](target) is a link
    identity = hashlib.sha256("\0".join([result.rule, uri, result.identity]).encode()).hexdigest()
    return {
        "ruleId": result.rule,
        "level": result.level,
        "message": {"text": text},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"fftFinding/v1": identity[:32]},
        **({"properties": {"code": result.code}} if result.code else {}),
    }


def _below_repository(root: Path) -> Path:
    for folder in (root, *root.parents):
        if (folder / ".git").exists():
            return root.relative_to(folder)
    return Path()
