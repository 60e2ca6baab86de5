"""The resource of dagster-duckdb, with connections that take turns with FFT's own steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fft_core import FftError, Project
from fft_core.engines.duckdb.session import duckdb_connection

try:
    from dagster_duckdb import DuckDBResource
except ModuleNotFoundError as error:
    raise ImportError("FftDuckDBResource needs dagster-duckdb [FFT-901]. Hint: pip install dagster-duckdb") from error


class FftDuckDBResource(DuckDBResource):
    """A DuckDBResource for a file that FFT builds: its connections work beside FFT's steps and other processes.

    DuckDBResource connects with a configuration of its own. DuckDB refuses such a connection if the file is open with
    another configuration. Also, connections of DuckDBResource do not wait for those of other processes.

    >>> from fft_core import load_project
    >>> from fft_dagster import FftDuckDBResource
    >>> duckdb_resource = FftDuckDBResource.of(load_project("shop"))
    >>> with duckdb_resource.get_connection() as connection:
    ...     connection.sql("select 42").fetchall()
    [(42,)]
    """

    catalog: str | None = None
    lock_timeout_seconds: int = 600

    @classmethod
    def of(cls, project: Project) -> FftDuckDBResource:
        """Return the resource of a project's profile. Raises FftError if the profile is for another engine."""
        profile = project.profiles.active(engine=project.engine)
        if profile.engine != "duckdb":
            raise FftError(
                f"the project {project.name} ({project.env}) is on {profile.engine}, not on DuckDB", code="FFT-906"
            )
        settings = profile.settings
        timeout = settings["lock_timeout_seconds"]
        return cls(database=settings["path"], catalog=settings["catalog"], lock_timeout_seconds=timeout)

    @contextmanager
    def get_connection(self) -> Iterator[Any]:  # Any: as in DuckDBResource, a connection of DuckDB
        """Open a separate connection to the file, which this process keeps as long as the context is open.

        Raises:
            FftError: the file cannot be opened, or a configuration is set.
        """
        if self.connection_config:
            raise FftError(
                f"the file {self.database} is open with FFT's configuration, but connection_config differs from it",
                hint="SET what you need on the connection instead.",
                code="FFT-222",
            )
        with duckdb_connection(
            self.database, catalog=self.catalog, lock_timeout_seconds=self.lock_timeout_seconds
        ) as connection:
            yield connection
