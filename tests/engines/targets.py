"""Where the project of a test is built: on each engine in turn."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from postgres_server import drop_schema, new_schema
from server_environment import drop_place

from fft_core.engines.spec.registry import spec_of

SERVERS = {  # the fixture of each
    "snowflake_snowpark": "snowflake_server",
    "bigquery": "bigquery_server",
    "databricks_spark": "spark_server",
}


@dataclass(frozen=True)
class Target:
    """DuckDB, in memory or a file; or a schema of its own on a server.

    Attributes:
        dsn: That of a Postgres server, by one of its engines.
        server: The name of the engine.
        given: The settings of a server of another engine.
    """

    dsn: str | None = None
    server: str = "postgres"
    given: Mapping[str, Any] | None = None

    @property
    def engine(self) -> str:
        return self.server if self.dsn or self.given else "duckdb"

    @property
    def schema_setting(self) -> str:
        """The setting that says in which schema relations of a server lie."""
        return spec_of(self.engine).schema_setting

    @property
    def placeless(self) -> str:
        """Settings without a place, as text of a profiles.yml: for tests that give the place when they open it."""
        given = {"dsn": "postgresql://"} if self.given is None else {**self.given, self.schema_setting: "none"}
        return f"{self.server}: {json.dumps(given)}"

    @contextmanager
    def settings(self, path: str = ":memory:") -> Iterator[Mapping[str, Any]]:
        """Give the settings of a database that is empty now and of nobody else; a file stays, a schema is dropped."""
        if self.given is not None:
            settings = {**self.given, self.schema_setting: new_schema()}
            try:
                yield settings
            finally:
                drop_place(self.server, settings)
            return
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


def target_of(request: pytest.FixtureRequest) -> Target:
    """Return the target that the parameter of a fixture names, on a server that is started when it is needed."""
    match request.param:
        case "duckdb":
            return Target()
        case "postgres":
            return Target(request.getfixturevalue("postgres_dsn"))
    return Target(None, request.param, request.getfixturevalue(SERVERS[request.param]))
