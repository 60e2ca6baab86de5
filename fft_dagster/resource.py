"""The warehouse as a Dagster resource: opened once per process, handed out per thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from fft_core import Project, Warehouse, open_warehouse

RESOURCE_KEY = "fft_warehouse"


class WarehouseSessions:
    """What steps get: `session()` gives each thread a session of its own on the one connection of the process.

    The database is opened when the first step asks for it.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self._lock = threading.Lock()
        self._warehouse: Warehouse | None = None

    @contextmanager
    def session(self) -> Iterator[Warehouse]:
        """Give a session for this thread. Raises FftError where the database cannot be opened."""
        with self._lock:
            if self._warehouse is None:
                self._warehouse = open_warehouse(self.project)
        with self._warehouse.session() as session:
            yield session

    def close(self) -> None:
        """Close the database, if it was opened."""
        with self._lock:
            if self._warehouse is not None:
                self._warehouse.close()
                self._warehouse = None


def warehouse_resource(project: Project) -> dg.ResourceDefinition:
    """Make the resource of a project: its profile's database, closed at the end of the run (or of a step's process).

    >>> dg.Definitions(resources={"fft_warehouse": warehouse_resource(project)})  # doctest: +SKIP
    """

    @dg.resource(description=f"The warehouse of the FFT project {project.name!r} ({project.env}, {project.engine}).")
    def sessions() -> Iterator[WarehouseSessions]:
        opened = WarehouseSessions(project)
        try:
            yield opened
        finally:
            opened.close()

    return sessions
