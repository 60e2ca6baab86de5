"""The settings of a run of the command line, stored in its tags, so that a re-execution has the same meaning."""

from __future__ import annotations

import fnmatch
import hashlib
import json
from collections.abc import Mapping

from fft_core import FftError, Project

COMMAND_TAG = "fft/command"
ENVIRONMENT_TAG = "fft/env"
SETTINGS_TAG = "fft/settings"
BUILD_TAG = "fft/build"  # of runs that were asked for over HTTP


def run_tags(project: Project, command: str) -> dict[str, str]:
    """Return the tags of a run: the command, the environment, and a digest of engine and variables."""
    return {COMMAND_TAG: command, ENVIRONMENT_TAG: project.env, SETTINGS_TAG: _settings(project)}


def refuse_other_settings(tags: Mapping[str, str], project: Project) -> None:
    """Raise FftError if a re-executed run was made for another environment, engine or other variables.

    It would build into another database than the first run, or build other rows.
    """
    made_for = tags.get(ENVIRONMENT_TAG)
    if made_for is None or (made_for, tags.get(SETTINGS_TAG)) == (project.env, _settings(project)):
        return
    what = f"the environment {made_for!r}" if made_for != project.env else "another engine or other variables (--vars)"
    raise FftError(
        f"this run was made by `fft {tags.get(COMMAND_TAG, 'build')}` for {what}, and these definitions are loaded for "
        f"{project.env!r}",
        hint="Call the command again, or open the UI with the same settings: fft dev --env NAME --vars KEY=VALUE.",
        code="FFT-906",
    )


def _settings(project: Project) -> str:
    """Return a digest of engine and variables, without secret ones: a short secret could be guessed from a digest."""
    shown = {
        name: value
        for name, value in project.variables.items()
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in project.secrets)
    }
    text = json.dumps([project.engine, shown], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
