"""The instance for the history of a project's runs: that of DAGSTER_HOME, or the project's own."""

from __future__ import annotations

import json
import os
from pathlib import Path

from fft_core import FftError
from fft_core.json_files import write_text_file

_MODULE = "fft_dagster.location"
FOLDER = Path(".fastflowtransform") / "dagster"
QUIET_FILE = "fft.yaml"
_OURS = "# Written by fft at each run: the history of this project's runs. Take this line out to keep your own edits.\n"
_STORAGE = """\
storage:
  custom:
    module: fft_dagster.storage
    class: PooledSqliteStorage
    config:
      base_dir: {base_dir}
run_coordinator:
  module: dagster._core.run_coordinator
  class: QueuedRunCoordinator
  config:
    dequeue_interval_seconds: 1  # a run that is launched in the UI waits for this; Dagster's own is 5
telemetry:
  enabled: false
"""
_NO_CAPTURE = """\
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""


def code_location(root: Path) -> tuple[str, str, str]:
    """Return the option of `dagster dev` with its value for opening a project, and the name of the code location.

    A definitions.py in the project wins.
    """
    own = root / "definitions.py"
    return ("-f", str(own), own.name) if own.is_file() else ("-m", _MODULE, _MODULE)


def instance_home(root: Path) -> Path:
    """Return the folder of the instance: DAGSTER_HOME, or the project's own, with its configuration written.

    The project's own has a second configuration without capture of printed output, for the terminal of `fft`. Runs of
    the UI capture it.

    Raises:
        FftError: DAGSTER_HOME is not a folder, or the project's own cannot be written.
    """
    named = os.environ.get("DAGSTER_HOME")
    if named:
        if not (Path(named).is_absolute() and Path(named).is_dir()):
            hint = "Unset it to keep the history in the project's folder."
            raise FftError(
                f"DAGSTER_HOME must be the absolute path of an existing folder, not {named!r}",
                hint=hint,
                code="FFT-902",
            )
        return Path(named)
    home = root / FOLDER
    text = _OURS + _STORAGE.format(base_dir=json.dumps(str(home)))  # JSON's quotes are YAML's, for any folder name
    try:
        home.mkdir(parents=True, exist_ok=True)
        _write(home / "dagster.yaml", text)
        _write(home / QUIET_FILE, text + _NO_CAPTURE)
    except OSError as error:
        hint = "Set DAGSTER_HOME to a folder that can be written."
        message = f"the history of runs cannot be kept in {home}: {error.strerror}"
        raise FftError(message, hint=hint, code="FFT-902") from error
    return home


def has_history(root: Path) -> bool:
    """Return whether a history of a project's runs may exist: in DAGSTER_HOME, or its own."""
    return bool(os.environ.get("DAGSTER_HOME")) or (root / FOLDER / QUIET_FILE).is_file()


def _write(path: Path, text: str) -> None:
    """Write a file if it is missing, or if FFT wrote it and the project has moved since."""
    current = path.read_text(encoding="utf-8") if path.exists() else None
    if current is None or (current != text and current.startswith(_OURS)):
        write_text_file(path, text)  # atomically: another process may be about to read it
