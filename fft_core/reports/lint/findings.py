"""The findings of all rules about a project, with a location, a level and a hint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fft_core.errors import Location, Problem, ProjectError, nearest
from fft_core.project.model import Project
from fft_core.project.read.yaml_file import YamlFile, parse_yaml
from fft_core.reports.sarif import Level

INVALID = "invalid-project"  # the rule that cannot be disabled
_PROJECT_FILE = Path("project.yml")


@dataclass(frozen=True)
class Finding:
    """A finding of a rule; `where` is relative to the project's folder. Only problems of the project have a `code`."""

    rule: str
    level: Level
    message: str
    where: Location
    hint: str | None = None
    code: str | None = None

    def __str__(self) -> str:
        hint = f"\n    hint: {self.hint}" if self.hint else ""
        return f"{self.where}: {self.level}: {self.message} [{self.code or self.rule}]{hint}"

    def to_json(self) -> dict[str, Any]:
        """Return the plain values that `fft ci-check --json` prints."""
        return {
            "rule": self.rule,
            "level": self.level,
            "message": self.message,
            "file": self.where.path.as_posix(),
            "line": self.where.line,
            "hint": self.hint,
            "code": self.code,
        }


def lint_project(project: Project) -> tuple[Finding, ...]:
    """Check a loaded project: render all templates, and apply the rules that its `lint` settings enable.

    No database is opened, and no user code runs.

    >>> for finding in lint_project(load_project("shop")):  # doctest: +SKIP
    ...     print(finding)
    """
    from fft_core.reports.lint.reading import read  # imports the parser of SQL, which is slow
    from fft_core.reports.lint.rules import RULES

    reading = read(project)
    found = [*_findings(INVALID, "error", [*_unknown_settings(project, [*RULES]), *reading.broken])]
    for name, rule in RULES.items():
        level = project.lint.get(name, rule.level)
        if level != "off":
            found += _findings(name, level, (p for p in rule.find(reading) if _is_own(project, p)))
    return _sorted(found)


def problems_found(error: ProjectError) -> tuple[Finding, ...]:
    """Return the problems of a project that does not load, as findings."""
    return _sorted(_findings(INVALID, "error", error.problems))


def _is_own(project: Project, problem: Problem) -> bool:
    """Return whether a problem is in the project itself: problems of a package are for its authors."""
    return problem.where is None or project.home_of(problem.where.path).root == project.root


def _findings(rule: str, level: Level, problems: Iterable[Problem]) -> Iterator[Finding]:
    for problem in dict.fromkeys(problems):
        where = problem.where or Location(_PROJECT_FILE)
        if where.path.is_absolute():  # the project's folder itself, if it has no project.yml
            where = Location(_PROJECT_FILE)
        yield Finding(rule, level, problem.message, where, problem.hint, problem.code if rule == INVALID else None)


def _sorted(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda f: (f.where.path.as_posix(), f.where.line or 0, f.rule, f.message)))


def _unknown_settings(project: Project, names: Sequence[str]) -> Iterator[Problem]:
    for name in project.lint:
        if name not in names:
            hint = nearest(name, names) or f"Rules: {', '.join(names)}."
            yield Problem(
                f"lint: {name!r} is not a rule that can be set", _location(project.root, name), hint, code="FFT-101"
            )


def _location(root: Path, rule: str) -> Location:
    file = parse_yaml((root / _PROJECT_FILE).read_text(encoding="utf-8-sig"), _PROJECT_FILE)
    return file.location(("lint", rule)) if isinstance(file, YamlFile) else Location(_PROJECT_FILE)
