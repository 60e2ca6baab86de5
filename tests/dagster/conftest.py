"""Real Dagster instances in temporary folders, and runs on them in this process."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from fft_dagster.execution.executor import iterate_run

REPOSITORY = Path(__file__).parents[2]
STORAGES: Mapping[str, Callable[[Path], dict[str, Any]]] = {
    "pooled": lambda home: {
        "custom": {"module": "fft_dagster.storage", "class": "PooledSqliteStorage", "config": {"base_dir": str(home)}}
    },
    "stock": lambda home: {"sqlite": {"base_dir": str(home)}},
}
QUIET_SETTINGS = {
    "telemetry": {"enabled": False},
    "compute_logs": {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"},
}


def write_dagster_yaml(home: Path, storage: str = "pooled", **settings: Any) -> None:
    home.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump({**QUIET_SETTINGS, "storage": STORAGES[storage](home), **settings})
    (home / "dagster.yaml").write_text(text)


def subprocess_environment(home: Path) -> dict[str, str]:
    return {**os.environ, "DAGSTER_HOME": str(home), "PYTHONPATH": str(REPOSITORY), "PYTHONFAULTHANDLER": "1"}


@dataclass(frozen=True)
class FinishedRun:
    run: dg.DagsterRun
    events: list[dg.DagsterEvent]

    @property
    def status(self) -> str:
        return self.run.status.value

    def steps(self, event_type: str) -> list[str]:
        return [event.step_key or "" for event in self.events if event.event_type_value == event_type]

    def messages(self, event_type: str) -> list[str]:
        return [event.message or "" for event in self.events if event.event_type_value == event_type]


MakeInstance = Callable[..., dg.DagsterInstance]


@pytest.fixture(scope="session")
def empty_homes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """The databases that each storage has created: to create them takes longer than most tests do."""
    homes = {storage: tmp_path_factory.mktemp(storage) / "home" for storage in STORAGES}
    for storage, home in homes.items():
        write_dagster_yaml(home, storage)
        dg.DagsterInstance.from_config(str(home)).dispose()
    return homes


@pytest.fixture
def make_instance(tmp_path: Path, empty_homes: Mapping[str, Path]) -> Iterator[MakeInstance]:
    opened: list[dg.DagsterInstance] = []

    def make(storage: str = "pooled", home: Path = tmp_path / "home", **settings: Any) -> dg.DagsterInstance:
        if not home.exists():
            shutil.copytree(empty_homes[storage], home)
        write_dagster_yaml(home, storage, **settings)
        opened.append(dg.DagsterInstance.from_config(str(home)))
        return opened[-1]

    yield make
    for instance in opened:
        instance.dispose()


@pytest.fixture
def instance(make_instance: MakeInstance) -> dg.DagsterInstance:
    return make_instance()


def run_job(job: dg.JobDefinition, instance: dg.DagsterInstance, **config: Any) -> FinishedRun:
    run = instance.create_run_for_job(job, run_config={"execution": {"config": config}})
    events = list(iterate_run(job, run, instance))
    finished = instance.get_run_by_id(run.run_id)
    assert finished is not None
    return FinishedRun(finished, events)


def asset_job(assets: list[dg.AssetsDefinition], **definitions: Any) -> dg.JobDefinition:
    from fft_dagster.execution.executor import thread_executor

    defs = dg.Definitions(assets=assets, **{"executor": thread_executor, **definitions})
    return defs.resolve_implicit_global_asset_job_def()


def write(root: Path, files: Mapping[str, str]) -> Path:
    """Write the files of a project."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root
