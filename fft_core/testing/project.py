"""Projects for tests, made from a mapping of files."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path

from fft_core.engines.spec.registry import default_engine
from fft_core.json_files import write_text_file
from fft_core.project.model import Project
from fft_core.project.read.load import load_project


def make_project(
    root: Path,
    files: Mapping[str, str],
    *,
    engine: str | None = None,
    settings: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Project:
    """Write a project into a folder and load it. Other files in the folder stay.

    Args:
        root: The folder.
        files: Texts by path, as in `{"models/users.ff.sql": "select 1 as id"}`; their common indent is removed. A
            project.yml and a profiles.yml are made if they are not among them.
        engine: The engine of the profile that is made; None for the one of new projects.
        settings: The settings of that profile.
        environment: The environment variables that the project sees; none by default.

    Raises:
        ProjectError: with every problem of the files.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from fft_core.testing import make_project
    >>> root = Path(tempfile.mkdtemp())
    >>> [model.name for model in make_project(root, {"models/users.ff.sql": "select 1 as id"}).order()]
    ['users']
    """
    engine = engine or default_engine()
    profile = json.dumps({"dev": {"engine": engine, engine: dict(settings or {})}})
    made = {"project.yml": "name: tested\nversion: '1'\n", "profiles.yml": profile}
    for name, text in {**made, **files}.items():
        write_text_file(root / name, textwrap.dedent(text))
    return load_project(root, "dev", environment=dict(environment or {}))
