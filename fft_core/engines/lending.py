"""When a database that one process has for itself is closed, so that other libraries of the process can open it."""

import sys
from contextvars import ContextVar

# Not where steps run in threads: others may be opening the file just then, and fail while it is being closed.
LENDS_AFTER_TURNS: ContextVar[bool] = ContextVar("LENDS_AFTER_TURNS", default=True)


def keep_databases() -> None:
    """In this context, close nothing when a turn ends: steps run beside each other."""
    LENDS_AFTER_TURNS.set(False)


def lend_databases() -> None:
    """Close what this process has open and does not use just now. What no engine has loaded is not open."""
    module = sys.modules.get("fft_core.engines.duckdb.file")
    if module is not None:
        module.lend_files()
