"""Runs in this process, on an instance that keeps their history."""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Iterator
from pathlib import Path

import dagster as dg

from fft_core import Model, Project, Request
from fft_dagster.definitions import project_definitions
from fft_dagster.executor import iterate_run
from fft_dagster.instance import QUIET_FILE, instance_home
from fft_dagster.resource import RESOURCE_KEY
from fft_dagster.translator import FftTranslator


def open_instance(root: Path) -> dg.DagsterInstance:
    """Open the instance of DAGSTER_HOME; without one, the project's own below .fastflowtransform/dagster/."""
    home = instance_home(root)
    own = home / QUIET_FILE
    if not own.is_file():
        return dg.DagsterInstance.get()
    # Dagster takes the path for a pattern: in a folder with brackets in its name it would find no configuration.
    return dg.DagsterInstance.from_config(str(home), glob.escape(str(own)))


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
    definitions = project_definitions(project, translator=translator, names=frozenset(names), jobs=[job])
    resolved = definitions.resolve_job_def(job_name)
    wanted = {
        "cache": request.cache,
        "rebuild": list(request.rebuild),
        "full_refresh": list(request.full_refresh),
    }
    run_config = {
        "resources": {RESOURCE_KEY: {"config": wanted}},
        "execution": {"config": {"keep_going": False, **({"max_concurrent": jobs} if jobs else {})}},
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},  # the caller prints; the events are all stored
    }
    # Dagster then stores what a new run plans in a few transactions, where the storage can.
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")
    run = instance.create_run_for_job(resolved, run_config=run_config)
    yield from iterate_run(resolved, run, instance)
