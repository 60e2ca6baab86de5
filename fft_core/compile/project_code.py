"""The Python code of a project and of its packages, each imported separately on first use."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from fft_core.project.model import Home, Project
from fft_core.project.python.code import PythonCode
from fft_core.project.read.conditions import seen_by_code


class ProjectCode:
    """Importer of the Python files of one project; threads may share it.

    Args:
        project: The project.
        frozen_at: The time that clocks show in its files; None for the real time.
    """

    def __init__(self, project: Project, frozen_at: datetime | None = None) -> None:
        self._project, self.frozen_at = project, frozen_at
        self._code: dict[Home, PythonCode] = {}
        self._lock = threading.Lock()

    def of(self, home: Home) -> PythonCode:
        """Return the code of the project or of one package."""
        project = self._project
        with self._lock:
            if home not in self._code:  # made on first use, because it changes how this process imports
                seen = seen_by_code(project.environment, project.engine, project.env)
                self._code[home] = PythonCode(home, seen, self.frozen_at)
            return self._code[home]

    def function(self, path: Path, name: str) -> Callable[..., Any]:
        """Import a file, by its path as shown, and return one of its functions. Raises the errors of the file."""
        home = self._project.home_of(path)
        return self.of(home).function(home.file(path), name)
