"""Checks as JUnit XML, which CI servers show as tests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from xml.etree import ElementTree

from fft_core.names.text import visible
from fft_core.reports.checks.outcomes import CheckOutcome

# Characters that XML 1.0 does not allow, beside those that `visible` replaces by an escape.
_NOT_IN_XML = re.compile("[\ufffe\uffff]")


def junit_report(outcomes: Iterable[CheckOutcome], name: str, started_at: datetime) -> str:
    """Return a JUnit XML document: a suite for each model, seed or source, a case for each of its checks.

    A check that warned has passed, and its message is the output; one that could not be run is an error; one that was
    not reached is skipped. The time of a query that several checks share is divided equally.

    Args:
        outcomes: The outcomes of the checks.
        name: The name of the report.
        started_at: The start of the run, with a time zone.
    """
    report = ElementTree.Element("testsuites", _counts(found := list(outcomes)) | {"name": _text(name)})
    for node, group in groupby(sorted(found, key=lambda outcome: outcome.node), key=lambda outcome: outcome.node):
        of_node = list(group)
        about = {"name": _text(node), "timestamp": started_at.isoformat(timespec="seconds")}
        suite = ElementTree.SubElement(report, "testsuite", about | _counts(of_node))
        for outcome in of_node:
            _add_case(suite, outcome)
    ElementTree.indent(report)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(report, encoding="unicode")}\n'


def _counts(outcomes: Sequence[CheckOutcome]) -> dict[str, str]:
    return {
        "tests": str(len(outcomes)),
        "failures": str(sum(outcome.status == "fail" for outcome in outcomes)),
        "errors": str(sum(outcome.status == "error" for outcome in outcomes)),
        "skipped": str(sum(outcome.status == "not_run" for outcome in outcomes)),
        "time": f"{sum(map(_seconds, outcomes)):.3f}",
    }


def _seconds(outcome: CheckOutcome) -> float:
    return (outcome.seconds or 0.0) / outcome.shared_by


def _add_case(suite: ElementTree.Element, outcome: CheckOutcome) -> None:
    where = {"file": _text(outcome.where.path.as_posix())}
    where |= {"line": str(outcome.where.line)} if outcome.where.line else {}
    about = {"classname": _text(outcome.node), "name": _text(outcome.name), "time": f"{_seconds(outcome):.3f}"}
    case = ElementTree.SubElement(suite, "testcase", about | where)
    said = {"message": _text(outcome.message), "type": _text(outcome.type)}
    match outcome.status:
        case "fail" | "error":
            failure = ElementTree.SubElement(case, "failure" if outcome.status == "fail" else "error", said)
            failure.text = _text(_details(outcome))
        case "not_run":
            ElementTree.SubElement(case, "skipped", {"message": said["message"]})
        case "warn":
            ElementTree.SubElement(case, "system-out").text = _text(f"warned: {_details(outcome)}")


def _details(outcome: CheckOutcome) -> str:
    lines = [f"{outcome.where}: {outcome.subject}: {outcome.message}"]
    lines += [f"The first of them: {outcome.first_row}"] if outcome.first_row else []
    lines += [f"The rows are in {outcome.failures}"] if outcome.failures else []
    return "\n".join([*lines, *([outcome.sql] if outcome.sql else [])])


def _text(text: str) -> str:
    return _NOT_IN_XML.sub("\ufffd", visible(text))
