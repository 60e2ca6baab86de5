"""DuckDB. `SPEC` holds the facts that need no driver."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

from fft_core.engines.duckdb.spelling import SPELLING
from fft_core.engines.spec import LOCK_TIMEOUT, Capabilities, EngineSpec, Full, Namespace, No, Setting
from fft_core.engines.spec.lexis import DOLLAR_QUOTES

MEMORY = ":memory:"
_PROFILES = """\
# Relative paths start at this folder. FF_DUCKDB_PATH puts the file somewhere else.
dev:
  engine: duckdb
  duckdb:
    path: "{{ env('FF_DUCKDB_PATH', '.local/dev.duckdb') }}"

# For `fft utest`: keeps nothing.
dev_utest:
  engine: duckdb
  duckdb:
    path: ":memory:"
"""


def own_catalog(path: str) -> str:
    """Return the name that DuckDB gives to a database that is opened by its path."""
    name = "memory" if path == MEMORY else Path(path).name.partition(".")[0]
    return f"{name}_db" if name.lower() in ("main", "system", "temp") else name


def namespace(settings: Mapping[str, Any]) -> Namespace:
    """Return the catalog and schema of a profile's relations."""
    catalog = settings.get("catalog") or own_catalog(settings.get("path") or MEMORY)
    return Namespace(settings.get("schema") or "main", catalog)


def _mark(settings: Mapping[str, Any]) -> Hashable | None:
    """Return a mark of the file of a profile; None for a profile of several files, or of a database in memory."""
    path = settings.get("path") or MEMORY
    if path == MEMORY or settings.get("attach"):
        return None
    from fft_core.engines.duckdb.file_marks import file_mark  # not needed to load a project

    return file_mark([Path(path)])


def _is_database(path: Path) -> bool:
    """Whether a file is a DuckDB database or belongs to one: its log, and the lock files for turns of processes."""
    if path.suffix in (".lock", ".queue") and path.with_suffix("").is_file():
        return _is_database(path.with_suffix(""))
    with path.open("rb") as file:
        return file.read(12)[8:] == b"DUCK" or path.name.endswith(".wal")


SPEC = EngineSpec(
    name="duckdb",
    title="DuckDB",
    settings={
        "path": Setting(
            "FF_DUCKDB_PATH",
            "path",
            default=MEMORY,
            description="The file. `:memory:` is a database that ends with the process.",
        ),
        "schema": Setting("FF_DUCKDB_SCHEMA", description="The schema of relations. [default: `main`]"),
        "catalog": Setting(
            "FF_DUCKDB_CATALOG", description="The name of the attached database. [default: the name of the file]"
        ),
        "attach": Setting(
            "FF_DUCKDB_ATTACH",
            "paths",
            description="Other files that models can be stored in, by the `catalog` of these models.",
        ),
        "threads": Setting(
            "FF_DUCKDB_THREADS",
            "whole number",
            at_least=1,
            description="The number of threads of a statement. [default: all processors]",
        ),
        "memory_limit": Setting(
            "FF_DUCKDB_MEMORY_LIMIT",
            description="The memory limit in DuckDB's notation, such as `4GB`. [default: DuckDB's]",
        ),
        LOCK_TIMEOUT: Setting(
            "FF_DUCKDB_LOCK_TIMEOUT_SECONDS",
            "whole number",
            default=600,
            at_least=0,
            description="Seconds to wait for other processes that have the file open.",
        ),
    },
    can=Capabilities(
        one_writer_process=Full(),
        materialized_views=No("DuckDB has none"),
        renames_repeated_columns=Full(),
        transactions=Full(),
        replaces_atomically=Full(),
        changes_rows=Full(),
        changes_together=Full(),
        replaces_kinds=Full(),
        temporary_tables=Full(),
        clones=No("a copy stores all rows a second time"),
        rows_known=No("the catalog has an estimate, which ignores deleted rows"),
        knows_versions=No("object ids do not survive a reopened file"),
        grants=No("DuckDB has no users"),
        keeps_grants=No("DuckDB has no users"),
        indexes=No("column scans need none, and a replaced table loses them"),
        constraints=No("a table created from a query has none"),
        reads_elsewhere=Full(),
    ),
    spelling=SPELLING,
    namespace=namespace,
    module="fft_core.engines.duckdb.session",
    file_reader="fft_core.engines.duckdb.reading",
    extra="fft-dagster[duckdb]",
    drivers=("duckdb",),
    schema_setting="schema",
    variables="FF_DUCKDB_",
    lexis=DOLLAR_QUOTES,
    functions=Path(__file__).with_name("functions.json"),
    profiles=_PROFILES,
    needs_no_server=True,
    names_ignore_case=True,
    owns_file=_is_database,
    mark=_mark,
)
