"""Where Prefect's API and its UI are: what is configured, or the project's own folder. Imports no Prefect."""

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
# Prefect's own server, when it is started for one command: on a busy machine 20 s, its default, are too few.
_OF_A_COMMAND = {
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",  # it lives for one run
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
}
# The command line prints what becomes of a run; in Prefect's UI the logs are all there.
_QUIET = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL"}


def use_prefect_of(root: Path) -> None:
    """Set the environment of this process to the Prefect of a project, before Prefect is imported.

    It is what is configured: PREFECT_API_URL, PREFECT_HOME, or the active profile of `prefect profile`. Without any, it
    is the server of `fft dev` if that is open on the project, and else one that Prefect starts for this command, with
    its history below .fastflowtransform/prefect/. Raises FftError if that folder cannot be made.
    """
    chosen = {**_QUIET}
    if not is_configured(os.environ):
        url = url_of_open_ui(root / FOLDER)
        chosen |= {"PREFECT_HOME": str(root / FOLDER)}
        try:
            (root / FOLDER).mkdir(parents=True, exist_ok=True)  # Prefect would make the last part of it only
        except OSError as error:
            raise FftError(f"the history of runs cannot be kept in {root / FOLDER}: {error.strerror}") from error
        chosen |= _OF_A_COMMAND if url is None else {"PREFECT_API_URL": f"{url}/api"}
    for name, value in chosen.items():
        os.environ.setdefault(name, value)


def is_configured(environment: Mapping[str, str]) -> bool:
    """Tell whether somebody has said which Prefect is used: by a variable, or a profile that has an API."""
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
    """Run a server of Prefect until it ends, and with it what runs the project's flow; return its exit code.

    A flow.py of the project's own is what is served, if it has a `flow`.

    Args:
        project: The project.
        host: Where the UI listens.
        port: Where the UI listens.
        variables: More environment variables for its processes.
        announce: Is told the address, and where the history is.

    Raises:
        FftError: another Prefect is configured, the UI is open already, or it cannot listen there.
    """
    if is_configured(os.environ):
        raise FftError(
            "which Prefect is used is configured already, by PREFECT_API_URL, PREFECT_HOME or a profile",
            hint="Use its UI, and `prefect deploy` or flow.serve() for the project's flow.",
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
