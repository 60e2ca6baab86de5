"""The checks of a project on its pages: each with its last results; and the project's own types of checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from fft_core.checks.words import in_words
from fft_core.project.model import Check, CheckType, Project
from fft_core.reports.site.trend import Trend, trend_of
from fft_core.run.check_history import CheckHistory

Histories: TypeAlias = Mapping[tuple[str, str], CheckHistory]


@dataclass(frozen=True)
class CheckLine:
    """A check as pages show it.

    Attributes:
        check: The check.
        says: Its rule in words.
        href: The page of its table.
        reads: The other tables that it reads, with their pages.
        trend: Its last results; None if it never ran.
    """

    check: Check
    says: str
    href: str
    reads: tuple[tuple[str, str], ...]
    trend: Trend | None

    @property
    def search(self) -> str:
        """The text that the search matches, in lower case."""
        check = self.check
        texts = [str(check.node), check.name, check.type, check.description, self.says, *check.tags]
        texts += [self.trend.outcome] if self.trend else []
        return " ".join(text for text in texts if text).lower()


@dataclass(frozen=True)
class CheckTypePage:
    """A type of checks that the project defines, and the tables that use it, with their pages."""

    type: CheckType
    used_by: tuple[tuple[str, str], ...]


def check_lines(project: Project, hrefs: Mapping[str, str], histories: Histories) -> tuple[CheckLine, ...]:
    """Return all checks, in the order of their tables, with checks that do not pass first."""
    lines = [
        CheckLine(
            check,
            in_words(check),
            hrefs.get(str(check.node), ""),
            tuple((str(read), hrefs.get(str(read), "")) for read in check.rule.reads),
            trend_of(histories.get((str(check.node), check.name), CheckHistory())),
        )
        for check in project.checks
    ]
    return tuple(sorted(lines, key=lambda line: (_rank(line), str(line.check.node), line.check.name)))


def _rank(line: CheckLine) -> int:
    """Return the rank of a check: first those that fail, then those that warn, then the others."""
    return {"fail": 0, "warn": 1}.get(line.trend.outcome if line.trend else "", 2)


def check_types(project: Project, hrefs: Mapping[str, str]) -> tuple[CheckTypePage, ...]:
    """Return the project's own types, by name."""
    users: dict[str, dict[str, str]] = {}
    for check in project.checks:
        users.setdefault(check.type, {})[str(check.node)] = hrefs.get(str(check.node), "")
    return tuple(CheckTypePage(kind, tuple(sorted(users.get(kind.name, {}).items()))) for kind in project.check_types)
