"""Where the project of a test is built: on each engine in turn."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from postgres_server import drop_schema, new_schema


@dataclass(frozen=True)
class Target:
    """DuckDB, in memory or a file; or with a dsn, a schema of its own on that server, by one of its engines."""

    dsn: str | None = None
    server: str = "postgres"

    @property
    def engine(self) -> str:
        return self.server if self.dsn else "duckdb"

    @contextmanager
    def settings(self, path: str = ":memory:") -> Iterator[Mapping[str, Any]]:
        """Give the settings of a database that is empty now and of nobody else; a file stays, a schema is dropped."""
        if self.dsn is None:
            yield {"path": path}
            return
        schema = new_schema()
        try:
            yield {"dsn": self.dsn, "db_schema": schema}
        finally:
            drop_schema(self.dsn, schema)

    @contextmanager
    def profile(self, path: str = ":memory:") -> Iterator[str]:
        """Give the text of a profiles.yml for such a database."""
        with self.settings(path) as settings:
            yield f"dev: {{engine: {self.engine}, {self.engine}: {json.dumps(settings)}}}\n"
