"""The API for scripts of FastFlowTransform: a registry of a project's nodes, their order, and executors over `Run`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from fft_core.errors import FftError
from fft_core.names import model_name
from fft_core.project.model import Model, Project
from fft_core.project.model.project import model_levels
from fft_core.project.read.load import load_project

if TYPE_CHECKING:
    from fft_core.build.publish import BuildResult
    from fft_core.run.run import Run
    from fft_core.run.turn import ReuseResult


class Registry:
    """The models of the project that was loaded last, by name; empty before."""

    def __init__(self) -> None:
        self._project: Project | None = None
        self.env: None = None  # the environment of Jinja, which executors here do not need

    @property
    def project(self) -> Project:
        """The project. Raises FftError if none was loaded."""
        if self._project is None:
            raise FftError("no project is loaded", hint="Call REGISTRY.load_project(path) first.", code="FFT-300")
        return self._project

    @property
    def nodes(self) -> Mapping[str, Model]:
        """The models, by name."""
        return self.project.models

    def load_project(self, root: Path | str, env: str | None = None) -> None:
        """Load the project of a folder. Raises ProjectError with every problem of its files."""
        self._project = load_project(Path(root), env)

    def get_node(self, name: str) -> Model:
        """Find a model by either form of its name. Raises KeyError."""
        return self.nodes[model_name(name)]


REGISTRY = Registry()


def topo_sort(nodes: Mapping[str, Model]) -> list[str]:
    """Return the names of models in build order."""
    order = [name for level in model_levels(REGISTRY.project) for name in level]
    return [name for name in order if name in nodes]


def mermaid(nodes: Mapping[str, Model]) -> str:
    """Return the graph of some models as text for Mermaid."""
    from fft_core.reports.site import mermaid as text
    from fft_core.reports.site.graph import graph_of

    return text.mermaid(graph_of(REGISTRY.project, frozenset(nodes)))


class Executor:
    """Builder of nodes of the registry's project in one database; a context manager.

    Args:
        engine: The name of the engine.
        settings: The settings of the profile; those that are None come from the project's profile.
    """

    def __init__(self, engine: str, settings: Mapping[str, object]) -> None:
        self._engine = engine
        self._settings: dict[str, Any] = {name: value for name, value in settings.items() if value is not None}
        self._opened: Run | None = None

    def seed(self) -> None:
        """Load the seeds that have changed. Raises SeedError."""
        for node in self._run.order():
            if not isinstance(node, Model):
                self._run.build(node)

    def run_sql(self, node: Model, env: object = None) -> BuildResult | ReuseResult:
        """Build a SQL model, or reuse it. Raises FftError; `env` is ignored."""
        return self._run.build(node)

    def run_python(self, node: Model) -> BuildResult | ReuseResult:
        """Build a Python model, or reuse it. Raises FftError."""
        return self._run.build(node)

    def close(self) -> None:
        """End the run, including its hooks, and close the database."""
        if self._opened is not None:
            opened, self._opened = self._opened, None
            opened.__exit__(None, None, None)

    def __enter__(self) -> Executor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _run(self) -> Run:
        from fft_core.run.run import Run

        if self._opened is None or self._opened.project is not REGISTRY.project:
            self.close()
            if REGISTRY.project.engine != self._engine:
                hint = f"Load the project with a profile of {self._engine}: REGISTRY.load_project(path, env)."
                raise FftError(
                    f"the project is loaded for {REGISTRY.project.engine}, not for {self._engine}",
                    hint=hint,
                    code="FFT-300",
                )
            self._opened = Run(REGISTRY.project, **self._settings)
        return self._opened


class DuckExecutor(Executor):
    """An executor on a DuckDB file, or in memory."""

    def __init__(self, db_path: str = ":memory:", schema: str | None = None, catalog: str | None = None) -> None:
        super().__init__("duckdb", {"path": str(db_path), "schema": schema, "catalog": catalog})


class PostgresExecutor(Executor):
    """An executor on a Postgres server."""

    def __init__(self, dsn: str, schema: str | None = None) -> None:
        super().__init__("postgres", {"dsn": dsn, "db_schema": schema})
