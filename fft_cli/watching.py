"""A wait for changes of a project's files, by their sizes and times: without a package or a service of the system."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

SECONDS = 0.3  # between two looks

States: TypeAlias = Mapping[Path, tuple[int, int]]

_READ = (".sql", ".py", ".yml", ".yaml", ".csv", ".parquet", ".j2", ".json", ".toml")
_HIDDEN_THAT_COUNT = (".env",)
_NOT_READ = frozenset({"__pycache__", "node_modules", "venv"})


def states_of(root: Path) -> States:
    """Return size and time of the files of a project that a test can depend on.

    Databases, logs, hidden files other than .env files, and the file of our own output are left out.
    """
    found, own = {}, _written_by_us()
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _NOT_READ]
        for name in names:
            if not name.startswith(_HIDDEN_THAT_COUNT) and (name.startswith(".") or not name.endswith(_READ)):
                continue
            path = Path(folder) / name
            try:
                stat = path.stat()
            except OSError:  # deleted since
                continue
            if (stat.st_dev, stat.st_ino) not in own:
                found[path] = stat.st_size, stat.st_mtime_ns
    return found


def _written_by_us() -> frozenset[tuple[int, int]]:
    """Return the files of stdout and stderr, as device and inode."""
    found = set()
    for stream in (1, 2):
        try:
            stat = os.fstat(stream)
        except OSError:  # closed
            continue
        found.add((stat.st_dev, stat.st_ino))
    return frozenset(found)


def wait_for_change(root: Path, before: States) -> tuple[Path, ...]:
    """Wait until files have changed, and until changes stop; return the changed files, relative to the root."""
    while True:
        now = states_of(root)
        if now != before:
            break
        time.sleep(SECONDS)
    while True:  # an editor or git may still be writing
        time.sleep(SECONDS)
        before_pause, now = now, states_of(root)
        if now == before_pause:
            break
    changed = {path for path in {*before, *now} if before.get(path) != now.get(path)}
    return tuple(sorted(path.relative_to(root) for path in changed))
