"""SQLite. `SPEC` has the facts about it that need no open database."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from fft_core.engines.spec import LOCK_TIMEOUT, Capabilities, EngineSpec, Full, Namespace, No, Setting
from fft_core.engines.spec.frames import LIBRARY_FRAMES
from fft_sqlite.spelling import SPELLING

STAMPS = "_ff_stamps"
_PROFILES = """\
# Relative paths start at this folder. FF_SQLITE_PATH puts the file somewhere else.
dev:
  engine: sqlite
  sqlite:
    path: "{{ env('FF_SQLITE_PATH', '.local/dev.sqlite') }}"
"""


def namespace(settings: Mapping[str, Any]) -> Namespace:
    """Return the schema of a profile's relations: a file is one schema."""
    return Namespace("main")


def owns_file(path: Path) -> bool:
    """Return whether a file is a database with rows that FFT has built, or the log of such a file."""
    if path.name.endswith(("-wal", "-shm")):
        path = path.with_name(path.name[:-4])
    with path.open("rb") as file:
        if file.read(16) != b"SQLite format 3\0":
            return False
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        return bool(connection.execute(f"select 1 from sqlite_schema where name = '{STAMPS}'").fetchall())


SPEC = EngineSpec(
    name="sqlite",
    title="SQLite",
    settings={
        "path": Setting("FF_SQLITE_PATH", "path", default=":memory:"),
        LOCK_TIMEOUT: Setting("FF_SQLITE_LOCK_TIMEOUT_SECONDS", "whole number", default=600, at_least=0),
    },
    can=Capabilities(
        one_writer_process=No("another process may write between two statements"),
        materialized_views=No("SQLite has none"),
        renames_repeated_columns=Full(),
        transactions=Full(),
        replaces_atomically=Full(),
        changes_rows=Full(),
        changes_together=Full(),
        replaces_kinds=Full(),
        temporary_tables=Full(),
        clones=No("a copy stores all rows a second time"),
        rows_known=No("SQLite does not keep the number of rows"),
        knows_versions=No("SQLite keeps a version of the file, and none of a table"),
        reads_elsewhere=No("this example attaches no other file"),
    ),
    spelling=SPELLING,
    namespace=namespace,
    module="fft_sqlite.session",
    extra="fft-sqlite",
    variables="FF_SQLITE_",
    frames=tuple(kind for kind in LIBRARY_FRAMES if not kind.is_lazy),  # they need the types of columns
    functions=Path(__file__).with_name("functions.json"),
    profiles=_PROFILES,
    needs_no_server=True,
    names_ignore_case=True,
    owns_file=owns_file,
)
