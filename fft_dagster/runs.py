"""Runs in this process, on an instance that keeps their history."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run_iterator

from fft_core import Project, Request
from fft_dagster.definitions import project_definitions
from fft_dagster.resource import RESOURCE_KEY
from fft_dagster.translator import FftTranslator

HOME = Path(".fastflowtransform") / "dagster"
_STORAGE = """\
# The history of this project's runs. Written once by fft; edit it as any dagster.yaml.
storage:
  custom:
    module: fft_dagster.storage
    class: PooledSqliteStorage
    config: {{base_dir: {base_dir}}}
telemetry:
  enabled: false
"""
_NO_CAPTURE = """\
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""


def open_instance(root: Path) -> dg.DagsterInstance:
    """Open the instance of DAGSTER_HOME; without one, the project's own below .fastflowtransform/dagster/."""
    if os.environ.get("DAGSTER_HOME"):
        return dg.DagsterInstance.get()
    home = root / HOME
    home.mkdir(parents=True, exist_ok=True)
    text = _STORAGE.format(base_dir=home)
    _write_if_missing(home / "dagster.yaml", text)
    # what models print goes to the terminal of `fft`; runs of the UI keep it, by dagster.yaml
    _write_if_missing(home / "fft.yaml", text + _NO_CAPTURE)
    return dg.DagsterInstance.from_config(str(home), "fft.yaml")


def run_nodes(
    project: Project, names: Collection[str], instance: dg.DagsterInstance, request: Request, jobs: int | None
) -> Iterator[dg.DagsterEvent]:
    """Run the steps of some models and seeds, with their checks; give the events as they happen.

    Args:
        project: The project.
        names: The models and seeds.
        instance: Keeps the run's history.
        request: Cache mode and nodes to build in any case.
        jobs: How many steps run at a time; the executor's choice where None.
    """
    translator = FftTranslator()
    keys = [translator.get_asset_key(project.node(name)) for name in names]
    job_name = "fft_build"
    definitions = project_definitions(
        project, translator=translator, jobs=[dg.define_asset_job(job_name, dg.AssetSelection.assets(*keys))]
    )
    job = definitions.resolve_job_def(job_name)
    run_config = {
        "resources": {RESOURCE_KEY: {"config": {"cache": request.cache, "rebuild": list(request.rebuild)}}},
        "execution": {"config": {"keep_going": False, **({"max_concurrent": jobs} if jobs else {})}},
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},  # the caller prints; the events are all stored
    }
    run = instance.create_run_for_job(job, run_config=run_config)
    yield from execute_run_iterator(InMemoryJob(job), run, instance)


def _write_if_missing(path: Path, text: str) -> None:
    if not path.exists():
        path.write_text(text, encoding="utf-8")
