"""Marks of database files, which change with each commit: they are made from file metadata alone.

DuckDB writes each commit to the log beside a file (`.wal`), or to the file itself in a checkpoint, before anybody sees
it. The files are never opened here: closing one would release the locks that DuckDB has on it in this process.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

FileMark: TypeAlias = tuple[tuple[int, ...], ...]
_BESIDE = ("", ".wal", ".wal.checkpoint", ".wal.recovery")
# A file that changes twice within a tick of the file system's clock may look the same, so young changes give no mark.
_YOUNG_SECONDS = 0.1


def file_mark(paths: Iterable[Path]) -> FileMark | None:
    """Return a mark that differs after each commit to one of these databases.

    Returns None if there was a commit just now, or if a file is missing or its metadata cannot be read.
    """
    found: list[tuple[int, ...]] = []
    now = time.time()
    for path in paths:
        for ending in _BESIDE:
            try:
                stat = Path(f"{path}{ending}").stat()
            except FileNotFoundError:
                if not ending:
                    return None
                found.append((0,))
                continue
            except OSError:
                return None
            if stat.st_mtime > now - _YOUNG_SECONDS or _is_coarse(stat):
                return None
            found.append((stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))
    return tuple(found)


def _is_coarse(stat: os.stat_result) -> bool:
    """Whether the file system seems to count whole seconds: two commits in one second would have the same mark."""
    return stat.st_mtime_ns % 1_000_000_000 == 0 and stat.st_ctime_ns % 1_000_000_000 == 0
