"""Where the project of a test is built: on each engine in turn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from postgres_server import drop_schema, new_schema


@dataclass(frozen=True)
class Target:
    """DuckDB, in memory or a file; or with a dsn, a schema of its own on that server."""

    dsn: str | None = None

    @contextmanager
    def profile(self, path: str = ":memory:") -> Iterator[str]:
        """Give the text of a profiles.yml, for a database that is empty now and of nobody else."""
        if self.dsn is None:
            yield f"dev: {{engine: duckdb, duckdb: {{path: '{path}'}}}}\n"
            return
        schema = new_schema()
        try:
            yield f"dev: {{engine: postgres, postgres: {{dsn: '{self.dsn}', db_schema: {schema}}}}}\n"
        finally:
            drop_schema(self.dsn, schema)
