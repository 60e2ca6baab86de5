"""The choice of Prefect's API and UI: the configured one, or one in the project's own folder. Imports no Prefect."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

from fft_core import FftError, Project
from fft_core.operations.open_ui import only_one_ui, refuse_taken_port, url_of_open_ui
from fft_core.operations.supervised import run_supervised

FOLDER = Path(".fastflowtransform") / "prefect"
# Prefect's own server, started for one command: its default of 20 s for the start is too short on a busy machine.
_OF_A_COMMAND = {
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",  # the server ends with the run
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
}
# The command line prints the outcomes of a run; Prefect's UI has the complete logs.
_QUIET = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL"}


def use_prefect_of(root: Path) -> None:
    """Set the environment of this process to the Prefect of a project, before Prefect is imported.

    This is the configured one: PREFECT_API_URL, PREFECT_HOME, or the active profile of `prefect profile`. If none is
    configured, it is the server of `fft dev` if that is open on the project, and else a server that Prefect starts for
    this command, with its history in .fastflowtransform/prefect/. Raises FftError if that folder cannot be created.
    """
    chosen = {**_QUIET}
    if not is_configured(os.environ):
        url = url_of_open_ui(root / FOLDER)
        chosen |= {"PREFECT_HOME": str(root / FOLDER)}
        try:
            (root / FOLDER).mkdir(parents=True, exist_ok=True)  # Prefect creates only its last part
        except OSError as error:
            raise FftError(
                f"the history of runs cannot be kept in {root / FOLDER}: {error.strerror}", code="FFT-902"
            ) from error
        chosen |= _OF_A_COMMAND if url is None else {"PREFECT_API_URL": f"{url}/api"}
    for name, value in chosen.items():
        os.environ.setdefault(name, value)


def is_configured(environment: Mapping[str, str]) -> bool:
    """Return whether a Prefect is configured: by a variable, or by a profile that has an API."""
    if environment.get("PREFECT_API_URL") or environment.get("PREFECT_HOME"):
        return True
    path = Path(environment.get("PREFECT_PROFILES_PATH") or Path.home() / ".prefect" / "profiles.toml")
    try:
        profiles = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return False
    active = environment.get("PREFECT_PROFILE") or profiles.get("active")
    return "PREFECT_API_URL" in profiles.get("profiles", {}).get(active, {})


def open_ui(
    project: Project, host: str, port: int, variables: Mapping[str, str], announce: Callable[[str], None]
) -> int:
    """Run a server of Prefect until it ends, and with it the runner of the project's flow; return its exit code.

    If the project has a flow.py with a `flow`, that one is served.

    Args:
        project: The project.
        host: The host on which the UI listens.
        port: The port on which the UI listens.
        variables: More environment variables for its processes.
        announce: Called with a text that has the address and the folder of the history.

    Raises:
        FftError: another Prefect is configured, the UI is open already, or it cannot listen there.
    """
    if is_configured(os.environ):
        raise FftError(
            "Prefect is already configured by PREFECT_API_URL, PREFECT_HOME or a profile",
            hint="Use its UI, and `prefect deploy` or flow.serve() for the project's flow.",
            code="FFT-900",
        )
    home = project.root / FOLDER
    url = f"http://{host}:{port}"
    environment = {
        **os.environ,
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"{url}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "FFT_PROJECT_DIR": str(project.root),
        "FFT_ACTIVE_ENV": project.env,
        **variables,
    }
    command = [sys.executable, "-m", "fft_prefect.dev", host, str(port)]
    with only_one_ui(home, url) as lock:
        refuse_taken_port(host, port)
        announce(f"{project.name}: {url}, history in {home}")
        return run_supervised(command, environment, keep=[lock])
