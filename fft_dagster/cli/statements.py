"""The SQL channel: every statement with its model and milliseconds on stderr."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping

import click


def show_statements(environment: Mapping[str, str], *, as_json: bool = False) -> None:
    """Print statements from now on, as they end; values of credentials are blanked."""
    logger = logging.getLogger("fft.sql")
    for handler in [handler for handler in logger.handlers if isinstance(handler, StatementLines)]:
        logger.removeHandler(handler)
    logger.addHandler(StatementLines(environment, as_json=as_json))
    logger.setLevel(logging.DEBUG)
    logger.propagate = False


class StatementLines(logging.Handler):
    """Prints the records of the logger `fft.sql`."""

    def __init__(self, environment: Mapping[str, str], *, as_json: bool) -> None:
        super().__init__()
        self._environment = environment
        self._as_json = as_json

    def emit(self, record: logging.LogRecord) -> None:
        from fft_core import without_secrets

        told = record.__dict__
        subject, milliseconds = told["subject"] or None, told["milliseconds"]
        sql = without_secrets(told["sql"], self._environment)
        if self._as_json:
            values = {"event": "statement", "name": subject, "milliseconds": milliseconds, "sql": sql}
            click.echo(json.dumps(values, ensure_ascii=False), err=True)
        else:
            mark = click.style(f"sql [{subject or 'fft'}] {milliseconds:.1f} ms:", fg="cyan")
            lines = sql.split("\n")
            click.echo(f"{mark} {lines[0]}" if len(lines) == 1 else "\n    ".join([mark, *lines]), err=True)
