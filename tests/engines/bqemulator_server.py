"""A server that speaks BigQuery's protocol, for tests: bqemulator. `server_environment.py` makes its environment."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from server_environment import free_port, launched, python_of, sheltered

REQUIREMENTS = (
    "bqemulator==1.4.0",
    "duckdb==1.5.5",
    "duckdb-extensions==1.5.5",
    "duckdb-extension-spatial==1.5.5",
    "numpy",
)
LAUNCHER = Path(__file__).parent / "servers" / "bqemulator_launcher.py"
PROJECT = "test-project"


@contextmanager
def running_bqemulator() -> Iterator[Mapping[str, Any]]:
    """Give the settings of a profile on a server of our own, without a dataset. Raises UnavailableError."""
    python, port, other = python_of("bqemulator", REQUIREMENTS), free_port(), free_port()
    command = (python, LAUNCHER, str(port), str(other))
    with launched("bqemulator", lambda _: command, lambda: _answers(port), sheltered):
        yield settings_of(port)


def settings_of(port: int) -> dict[str, Any]:
    """Return the settings of a profile, without a dataset."""
    return {
        "project": PROJECT,
        "endpoint": f"http://127.0.0.1:{port}",
        "location": "US",
        "retry_seconds": 0,
        "allow_create_dataset": True,
    }


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False
