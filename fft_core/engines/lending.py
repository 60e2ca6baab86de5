"""Whether a database that one process has for itself is given up as soon as no turn lasts. Imports nothing."""

from contextvars import ContextVar

# Not where steps run in threads: others may be opening the file just then, and fail while it is being closed.
LENDS_AFTER_TURNS: ContextVar[bool] = ContextVar("LENDS_AFTER_TURNS", default=True)
