"""The UI: `dagster dev` for a project and the history of its runs, one at a time."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec

from fft_core import FftError, Project
from fft_core.operations.open_ui import only_one_ui, refuse_taken_port
from fft_core.operations.supervised import run_supervised
from fft_dagster.runs.instance import code_location, instance_home

_NOT_FOR_USERS = "ignore:Function `dev_command` is superseded"  # they called fft dev, not dagster dev


def open_ui(
    project: Project, host: str, port: int, variables: Mapping[str, str], announce: Callable[[str], None]
) -> int:
    """Run `dagster dev` until it ends; return its exit code. A definitions.py in the project wins.

    Args:
        project: The project.
        host: The address that the UI listens at.
        port: The port that the UI listens at.
        variables: More environment variables for its processes.
        announce: A callback with the address of the UI, and the folder of the history.

    Raises:
        FftError: the UI is not installed, is open already, or cannot listen there.
    """
    if find_spec("dagster_webserver") is None:
        raise FftError("the Dagster UI is not installed", hint='pip install "fft-dagster[ui]"', code="FFT-901")
    home = instance_home(project.root)
    *location, _ = code_location(project.root)
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "FFT_PROJECT_DIR": str(project.root),
        "FFT_ACTIVE_ENV": project.env,
        **variables,
        "PYTHONWARNINGS": ",".join(filter(None, (os.environ.get("PYTHONWARNINGS"), _NOT_FOR_USERS))),
        "DAGSTER_EVENT_BATCH_SIZE": os.environ.get("DAGSTER_EVENT_BATCH_SIZE", "1000"),  # see runs.py
    }
    command = [sys.executable, "-m", "dagster", "dev", "-h", host, "-p", str(port), *location]
    url = f"http://{host}:{port}"
    with only_one_ui(home, url) as lock:
        refuse_taken_port(host, port)
        announce(f"{project.name}: {url}, history in {home}")
        return run_supervised(command, environment, keep=[lock])
