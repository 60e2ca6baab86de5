"""What tells, by looking at files alone, that nothing was committed to DuckDB databases meanwhile.

DuckDB writes each commit to the log beside a file (`.wal`), or to the file itself in a checkpoint, before anybody sees
it. The files are never opened for that: closing one would free the locks that DuckDB has on it in this process.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

FileMark: TypeAlias = tuple[tuple[int, ...], ...]
_BESIDE = ("", ".wal", ".wal.checkpoint", ".wal.recovery")
# A file that changes twice within a tick of its clock may look the same: what is younger than that tells nothing.
_YOUNG_SECONDS = 0.1


def file_mark(paths: Iterable[Path]) -> FileMark | None:
    """Return a mark that is another one once something was committed to one of these databases.

    None if nothing can be said: something was committed just now, a file is not there, or cannot be looked at.
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
            if stat.st_mtime > now - _YOUNG_SECONDS:
                return None
            found.append((stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))
    return tuple(found)
