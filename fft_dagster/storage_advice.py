"""Advice at load if Dagster's history is in its stock SQLite storage, which opens its files for each event."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Mapping
from pathlib import Path

import yaml

_log = logging.getLogger(__name__)
_ADVICE = """\
Dagster's own SQLite storage opens its files a dozen times for each step: small models take about four times as long.
Put these lines into %s (docs/reference/storage.md):
storage:
  custom: {module: fft_dagster.storage, class: PooledSqliteStorage, config: {base_dir: %s}}"""


def advise_on_storage() -> None:
    """Log once in a process how to store events faster, if DAGSTER_HOME has stock SQLite storage."""
    home = os.environ.get("DAGSTER_HOME")
    if home:
        _advise(Path(home).expanduser().absolute())


@functools.cache
def _advise(home: Path) -> None:
    if _is_stock(home / "dagster.yaml"):
        _log.warning(_ADVICE, home / "dagster.yaml", home)


def _is_stock(file: Path) -> bool:
    """Return whether events are stored in stock SQLite; Dagster itself reports unreadable settings."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else {}
    except (OSError, ValueError, yaml.YAMLError):
        return False
    if not isinstance(content, Mapping):
        return content is None
    storage = content.get("storage") or {}
    is_elsewhere = isinstance(storage, Mapping) and storage.keys() - {"sqlite"}
    return not is_elsewhere and "event_log_storage" not in content
