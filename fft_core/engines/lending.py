"""The times at which a process closes a database that it has exclusively, so that its other libraries can open it."""

from collections.abc import Callable
from contextvars import ContextVar

# False if steps run in threads: another thread may be opening the file, and fail while this one closes it.
LENDS_AFTER_TURNS: ContextVar[bool] = ContextVar("LENDS_AFTER_TURNS", default=True)
# Functions that close the databases of an engine. A driver adds its own when it is imported: before, none is open.
LENDERS: set[Callable[[], None]] = set()
# Functions that open them again, if no other process has them; and the packages that open them with FFT's settings.
OPENERS: set[Callable[[], None]] = set()
OPENED_ALIKE_BY: set[str] = set()


def keep_databases() -> None:
    """In this context, close no database when a turn ends, because other steps run at the same time."""
    LENDS_AFTER_TURNS.set(False)


def lend_databases() -> None:
    """Close the databases that this process has open and does not use at the moment."""
    for lend in tuple(LENDERS):
        lend()


def open_databases() -> None:
    """Open this process's databases again: then a library with FFT's settings does not close one for all threads."""
    for opens in tuple(OPENERS):
        opens()
