"""One outcome for each requested check, also if it could not be run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from fft_core.errors import Location
from fft_core.project.model import Check
from fft_core.run.results import CheckRunResult, NodeRunResult

OutcomeStatus: TypeAlias = Literal["pass", "fail", "warn", "error", "not_run"]


@dataclass(frozen=True)
class CheckOutcome:
    """The outcome of one check.

    Attributes:
        node: The model, the seed, or `group.table` of the source that it belongs to.
        name: Its name, unique among those of its node.
        type: The type of its rule.
        subject: The column or table that it is about, such as `users.email`.
        where: The file and line that declare it.
        status: `error` if its node failed before it could be run, `not_run` if the run did not reach the node.
        message: The result in words; may be empty.
        first_row: The first failing row, as text; hidden values are masked.
        seconds: The time of its query; None if it was not run.
        shared_by: The number of checks that shared that query.
        sql: The query for the failing rows.
        failures: The table with the failing rows.
    """

    node: str
    name: str
    type: str
    subject: str
    where: Location
    status: OutcomeStatus
    message: str = ""
    first_row: str = ""
    seconds: float | None = None
    shared_by: int = 1
    sql: str | None = None
    failures: str | None = None

    @property
    def fails(self) -> bool:
        """Whether a run with this outcome fails."""
        return self.status in ("fail", "error")


def outcomes_of(checks: Iterable[Check], results: Mapping[str, NodeRunResult]) -> Iterator[CheckOutcome]:
    """Yield the outcomes of checks.

    Args:
        checks: The requested checks.
        results: The results of their nodes, by name.
    """
    for check in checks:
        node = results.get(str(check.node))
        found = next((one for one in node.checks if one.name == check.name), None) if node else None
        yield _found(check, found) if found else _not_found(check, node)


def counted(outcomes: Sequence[CheckOutcome]) -> Mapping[OutcomeStatus, int]:
    """Return the number of outcomes with each status; the first three statuses are always included."""
    count: dict[OutcomeStatus, int] = {"pass": 0, "fail": 0, "warn": 0}
    for outcome in outcomes:
        count[outcome.status] = count.get(outcome.status, 0) + 1
    return count


def _found(check: Check, found: CheckRunResult) -> CheckOutcome:
    return replace(
        _outcome(check, found.status, found.message),
        first_row="" if found.status == "pass" or found.first_row == found.message else found.first_row,
        seconds=found.seconds,
        shared_by=found.shared_by or 1,
        sql=found.sql,
        failures=found.failures,
    )


def _not_found(check: Check, node: NodeRunResult | None) -> CheckOutcome:
    if node is None or node.error is None:
        return _outcome(check, "not_run", "the run ended before it")
    return _outcome(check, "error", node.error.message)


def _outcome(check: Check, status: OutcomeStatus, message: str) -> CheckOutcome:
    subject = check.rule.subject(check.node)
    return CheckOutcome(str(check.node), check.name, check.type, subject, check.location, status, message)
