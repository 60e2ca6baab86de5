"""Runs in this process, on an instance that keeps their history."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator
from pathlib import Path

import dagster as dg

from fft_core import Model, Project, Request
from fft_dagster.definitions import project_definitions
from fft_dagster.executor import iterate_run
from fft_dagster.resource import RESOURCE_KEY
from fft_dagster.translator import FftTranslator

HOME = Path(".fastflowtransform") / "dagster"
_STORAGE = """\
# Written by fft at each run: the history of this project's runs. Take this line out to keep your own edits.
storage:
  custom:
    module: fft_dagster.storage
    class: PooledSqliteStorage
    config:
      base_dir: {base_dir}
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
    text = _STORAGE.format(base_dir=json.dumps(str(home)))  # JSON's quotes are YAML's, whatever the folder is called
    _write(home / "dagster.yaml", text)
    # what models print goes to the terminal of `fft`; runs of the UI keep it, by dagster.yaml
    _write(home / "fft.yaml", text + _NO_CAPTURE)
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
    nodes = [project.node(name) for name in names]
    selection: dg.AssetSelection = dg.AssetSelection.assets(*map(translator.get_asset_key, nodes))
    read = {name for node in nodes if isinstance(node, Model) for name in project.stored_inputs(node)}
    checked = [source for name, source in project.sources.items() if name in read and project.checks_of(name)]
    if checked:  # the checks of sources are steps of their own
        selection |= dg.AssetSelection.checks_for_assets(*map(translator.get_asset_key, checked))
    job_name = "fft_build"
    job = dg.define_asset_job(job_name, selection)
    definitions = project_definitions(project, translator=translator, jobs=[job])
    resolved = definitions.resolve_job_def(job_name)
    run_config = {
        "resources": {RESOURCE_KEY: {"config": {"cache": request.cache, "rebuild": list(request.rebuild)}}},
        "execution": {"config": {"keep_going": False, **({"max_concurrent": jobs} if jobs else {})}},
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},  # the caller prints; the events are all stored
    }
    run = instance.create_run_for_job(resolved, run_config=run_config)
    yield from iterate_run(resolved, run, instance)


def _write(path: Path, text: str) -> None:
    """Write a file where it is missing, or where it is ours and the project has moved since."""
    current = path.read_text(encoding="utf-8") if path.exists() else None
    if current is None or (current != text and current.startswith(_STORAGE.splitlines()[0])):
        path.write_text(text, encoding="utf-8")
