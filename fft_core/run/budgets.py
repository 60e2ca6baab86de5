"""The amounts that the builds of a run have used, compared with the limits of budgets.yml."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from fft_core.errors import FftError
from fft_core.project.model import Budget, Limits, Project

if TYPE_CHECKING:
    from fft_core.build.publish import BuildResult

Measure: TypeAlias = Literal["bytes_scanned", "rows", "query_duration_ms"]
_MEASURES: Mapping[Measure, str] = {
    "bytes_scanned": "bytes scanned",
    "rows": "rows written",
    "query_duration_ms": "ms in statements",
}


class BudgetError(FftError):
    """A run has reached a limit of a budget; the relations that it has built stay."""

    default_code = "FFT-451"


@dataclass(frozen=True)
class Excess:
    """A limit that is exceeded.

    Attributes:
        of: The subject of the budget: the run, a model or a tag.
        measure: The limited quantity.
        spent: The amount used.
        limit: The limit; amounts of this size or more exceed it.
        is_error: Whether the run fails because of it.
    """

    of: str
    measure: Measure
    spent: int
    limit: int
    is_error: bool

    def __str__(self) -> str:
        return f"{self.of}: {self.spent:,} {_MEASURES[self.measure]}, and the limit is {self.limit:,}"


@dataclass
class _Spent:
    """Sums of the known amounts; an amount that the engine does not report is left out, and never counts as 0."""

    sums: dict[Measure, int] = field(default_factory=dict)

    def add(self, amounts: Mapping[Measure, int | None]) -> None:
        for measure, amount in amounts.items():
            if amount is not None:
                self.sums[measure] = self.sums.get(measure, 0) + amount


class BudgetWatch:
    """The sums of a run's amounts, also by model and by tag. Threads may share it.

    Args:
        project: The project, with its budgets and the tags of its models.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._lock = threading.Lock()
        self._total = _Spent()
        self._models: dict[str, _Spent] = {}
        self._tags: dict[str, _Spent] = {}

    def add(self, result: BuildResult) -> None:
        """Add the amounts of the build of a node."""
        amounts: dict[Measure, int | None] = {
            "bytes_scanned": result.bytes_scanned,
            "rows": result.row_count,
            "query_duration_ms": round(result.query_seconds * 1000),
        }
        name = result.decision.name
        node = self._project.models.get(name)
        with self._lock:
            self._total.add(amounts)
            self._models.setdefault(name, _Spent()).add(amounts)
            for tag in node.tags if node else ():
                self._tags.setdefault(tag, _Spent()).add(amounts)

    def excesses(self) -> tuple[Excess, ...]:
        """Return the limits that are exceeded so far: of the run, then of models, then of tags."""
        budgets = self._project.budgets
        with self._lock:
            found = list(_exceeded("the run", budgets.total, self._total))
            for kind, limited, spent in (("model", budgets.models, self._models), ("tag", budgets.tags, self._tags)):
                for name, budget in limited.items():
                    found += _exceeded(f"{kind} {name}", budget, spent.get(name, _Spent()))
        return tuple(found)

    def refuse_errors(self) -> None:
        """Raise BudgetError if a limit of severity error is exceeded."""
        errors = [str(excess) for excess in self.excesses() if excess.is_error]
        if errors:
            raise BudgetError(f"over budget: {'; '.join(errors)}", hint="The limits are in budgets.yml.")


def _exceeded(of: str, budget: Budget, spent: _Spent) -> Iterator[Excess]:
    for measure in _MEASURES:
        limits: Limits | None = getattr(budget, measure)
        amount = spent.sums.get(measure)
        if limits is None or amount is None:
            continue
        if limits.error is not None and amount >= limits.error:
            yield Excess(of, measure, amount, limits.error, is_error=True)
        elif limits.warn is not None and amount >= limits.warn:
            yield Excess(of, measure, amount, limits.warn, is_error=False)
