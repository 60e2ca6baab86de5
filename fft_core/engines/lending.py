"""When a database that one process has for itself is closed, so that other libraries of the process can open it."""

from collections.abc import Callable
from contextvars import ContextVar

# Not where steps run in threads: others may be opening the file just then, and fail while it is being closed.
LENDS_AFTER_TURNS: ContextVar[bool] = ContextVar("LENDS_AFTER_TURNS", default=True)
# What closes the databases of an engine; its driver adds it when it is loaded. What no engine has loaded is not open.
LENDERS: set[Callable[[], None]] = set()
# What opens them again, where they are not in use elsewhere; beside it, the packages that open them as we do.
OPENERS: set[Callable[[], None]] = set()
OPENED_ALIKE_BY: set[str] = set()


def keep_databases() -> None:
    """In this context, close nothing when a turn ends: steps run beside each other."""
    LENDS_AFTER_TURNS.set(False)


def lend_databases() -> None:
    """Close what this process has open and does not use just now."""
    for lend in tuple(LENDERS):
        lend()


def open_databases() -> None:
    """Open what this process had open: others that open it alike then do not close it for each other."""
    for opens in tuple(OPENERS):
        opens()
