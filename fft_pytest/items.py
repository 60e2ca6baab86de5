"""Items of pytest: a file of unit tests, and its cases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fft_cli.terminal import terminal_text, unstyled
from fft_cli.utest_lines import fault_lines
from fft_core import Project, load_project
from fft_core.errors import FftError
from fft_core.project.model import UnitTest
from fft_core.project.profile.secrets import project_masker
from fft_core.unit_tests.run import UnitTestResult, UnitTestRunner


class Projects:
    """The projects of the collected cases in a session of pytest, each loaded once, with the runner of its cases."""

    def __init__(self, env: str | None) -> None:
        self._env = env
        self._runners: dict[Path, tuple[Project, UnitTestRunner]] = {}

    def of(self, root: Path) -> tuple[Project, UnitTestRunner]:
        """Load a project. Raises ProjectError."""
        if root not in self._runners:
            project = load_project(root, self._env)
            self._runners[root] = project, UnitTestRunner(project)
        return self._runners[root]

    def close(self) -> None:
        """Close the databases of the projects."""
        for _, runner in self._runners.values():
            runner.close()


_PROJECTS = pytest.StashKey[Projects]()


def _projects(config: pytest.Config) -> Projects:
    if _PROJECTS not in config.stash:
        config.stash[_PROJECTS] = Projects(config.getoption("--fft-env"))
        config.add_cleanup(config.stash[_PROJECTS].close)
    return config.stash[_PROJECTS]


class CasesFile(pytest.File):
    """A file of tests/unit."""

    def collect(self) -> Iterator[pytest.Item]:
        """Collect the cases; empty for a file for another engine."""
        root = self.path.parents[2]
        try:
            project, runner = _projects(self.config).of(root.resolve())
        except FftError as error:
            raise self.CollectError(terminal_text(str(error))) from None
        path = self.path.relative_to(root)
        for test in project.unit_tests:
            if test.location.path == path:
                yield CaseItem.of(self, test, project, runner)


class CaseFailedError(Exception):
    """A case that did not pass."""


class CaseItem(pytest.Item):
    """One case."""

    test: UnitTest
    project: Project
    runner: UnitTestRunner

    @classmethod
    def of(cls, parent: CasesFile, test: UnitTest, project: Project, runner: UnitTestRunner) -> CaseItem:
        """Return the item of a case."""
        item: CaseItem = cls.from_parent(parent, name=test.name)
        item.test, item.project, item.runner = test, project, runner
        return item

    def runtest(self) -> None:
        """Run the case. Raises CaseFailedError with its faults."""
        result = self.runner.run(self.test)
        if result.status != "pass":
            raise CaseFailedError(self._said(result))

    def _said(self, result: UnitTestResult) -> str:
        lines = [f"{result.status}: {' > '.join(self.test.models)}, {self.test.name} ({self.test.location})"]
        text = "\n".join([*lines, *(f"  {line}" for line in fault_lines(result))])
        return terminal_text(project_masker(self.project)(unstyled(text)))

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None
    ) -> Any:  # Any: the types of pytest are private
        """Return the faults of the case, without a traceback."""
        if isinstance(excinfo.value, CaseFailedError | FftError):
            return str(excinfo.value)
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return the place of the case, and its name."""
        line = self.test.location.line
        return self.path, line - 1 if line else None, f"{self.test.model}: {self.test.name}"
