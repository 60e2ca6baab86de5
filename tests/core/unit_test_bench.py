"""Unit tests of a written project, run on one engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from written_projects import write_project

from fft_core import Project, load_project, run_unit_tests
from fft_core.unit_tests.run import UnitTestResult

Files = Mapping[str, str]


@dataclass(frozen=True)
class Bench:
    """A project on one engine."""

    root: Path
    engine: str
    settings: str

    def load(self, files: Files) -> Project:
        profile = f"dev: {{engine: {self.engine}, {self.engine}: {self.settings}}}\n"
        return load_project(write_project(self.root, {"profiles.yml": profile, **files}), "dev", environment={})

    def run(self, files: Files) -> dict[str, UnitTestResult]:
        """Run all unit tests; results by the name of the case."""
        project = self.load(files)
        return {result.test.name: result for result in run_unit_tests(project, project.unit_tests)}

    def outcome(self, files: Files) -> dict[str, str]:
        return {name: said(result) for name, result in self.run(files).items()}


def said(result: UnitTestResult) -> str:
    return result.status if result.status == "pass" else f"{result.status}: {result.error or why(result)}"


def why(result: UnitTestResult) -> str:
    return "; ".join(f"{name}: {mismatch}" for name, mismatch in result.mismatches.items())
