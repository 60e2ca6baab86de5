"""A server that speaks Snowflake's protocol, for tests: fakesnow. `server_environment.py` makes its environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from server_environment import free_port, launched, listens, python_of, sheltered

REQUIREMENTS = (
    "fakesnow[server]==0.12.1",
    "snowflake-connector-python==4.8.1",
    "duckdb==2.0.1",
    "sqlglot==30.22.0",
    "numpy",
)
LAUNCHER = Path(__file__).parent / "servers" / "fakesnow_launcher.py"
DATABASE = "fft"


@contextmanager
def running_fakesnow() -> Iterator[Mapping[str, Any]]:
    """Give the settings of a profile on a server of our own, without a schema. Raises UnavailableError."""
    python, port = python_of("fakesnow", REQUIREMENTS), free_port()
    with launched("fakesnow", lambda _: (python, LAUNCHER, str(port)), lambda: listens(port), sheltered):
        yield settings_of(port)


def settings_of(port: int) -> dict[str, Any]:
    """Return the settings of a profile, without a schema."""
    return {
        "account": "fakesnow",
        "user": "fake",
        "password": "secret of fakesnow",
        "host": "127.0.0.1",
        "port": port,
        "protocol": "http",
        "database": DATABASE,
        "allow_create_schema": True,
    }
