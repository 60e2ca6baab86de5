"""Output of all SQL statements on stderr, each with its model and milliseconds."""

from __future__ import annotations

import logging

from fft_cli.terminal import echo, echo_json, style


def show_statements(*, as_json: bool = False) -> None:
    """Print statements from now on, as they end."""
    logger = logging.getLogger("fft.sql")
    for handler in [handler for handler in logger.handlers if isinstance(handler, StatementLines)]:
        logger.removeHandler(handler)
    logger.addHandler(StatementLines(as_json=as_json))
    logger.setLevel(logging.DEBUG)
    logger.propagate = False


class StatementLines(logging.Handler):
    """A handler that prints the records of the logger `fft.sql`."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def emit(self, record: logging.LogRecord) -> None:
        told = record.__dict__
        node, milliseconds = told["node"] or None, told["milliseconds"]
        sql = told["sql"]
        if self._as_json:
            values = {"event": "statement", "name": node, "milliseconds": milliseconds, "sql": sql}
            echo_json(values, indent=None, err=True)
        else:
            mark = style(f"sql [{node or 'fft'}] {milliseconds:.1f} ms:", fg="cyan")
            lines = sql.split("\n")
            echo(f"{mark} {lines[0]}" if len(lines) == 1 else "\n    ".join([mark, *lines]), err=True)
