"""A wait for changes of a project's files, by their sizes and times: without a package or a service of the system."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

SECONDS = 0.3  # between two looks

States: TypeAlias = Mapping[Path, tuple[int, int]]

_HIDDEN_THAT_COUNT = (".env",)
_NOT_READ = frozenset({"__pycache__", "node_modules", "venv"})


def states_of(root: Path) -> States:
    """Return size and time of all files of a project, except databases and hidden files other than .env files."""
    found = {}
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _NOT_READ]
        for name in names:
            is_hidden = name.startswith(".") and not name.startswith(_HIDDEN_THAT_COUNT)
            if is_hidden or name.endswith((".duckdb", ".wal", "~", ".swp")):
                continue
            path = Path(folder) / name
            try:
                stat = path.stat()
            except OSError:  # deleted since
                continue
            found[path] = stat.st_size, stat.st_mtime_ns
    return found


def wait_for_change(root: Path, before: States) -> tuple[Path, ...]:
    """Wait until files have changed, and until changes stop; return the changed files, relative to the root."""
    while True:
        now = states_of(root)
        if now != before:
            break
        time.sleep(SECONDS)
    while (later := states_of(root)) != now:  # an editor or git is still writing
        now = later
        time.sleep(SECONDS)
    changed = {path for path in {*before, *now} if before.get(path) != now.get(path)}
    return tuple(sorted(path.relative_to(root) for path in changed))
