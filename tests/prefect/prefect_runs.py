"""One real server of Prefect for all tests of this folder, and what it says of the runs on it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

START_SECONDS = 120  # a busy machine needs more than Prefect's own 30
QUIET: Mapping[str, str] = {
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": str(START_SECONDS),
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "DO_NOT_TRACK": "1",
}
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class TaskRun:
    """What Prefect says of a task run."""

    id: UUID
    name: str
    state: str
    type: str
    message: str
    run_count: int
    tags: frozenset[str]
    parents: frozenset[UUID]


@dataclass(frozen=True)
class FlowRun:
    """What Prefect says of a flow run, and its task runs by name."""

    id: UUID
    name: str
    state: str
    type: str
    message: str
    tasks: Mapping[str, TaskRun]
    state_value: Any  # Any: a state of Prefect

    @property
    def states(self) -> dict[str, str]:
        """The state of each task run."""
        return {name: task.state for name, task in sorted(self.tasks.items())}

    def artifact(self, what: str) -> str:
        """Give the text of an artifact that the run has left."""
        from prefect.client.orchestration import get_client
        from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

        with get_client(sync_client=True) as client:
            wanted = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[self.id]))
            found = client.read_artifacts(artifact_filter=wanted)
        (text,) = [str(artifact.data) for artifact in found if (artifact.key or "").endswith(f"-{what}")]
        return text


RunFlow = Callable[..., FlowRun]


def flow_run(state: Any, flow_run_id: UUID | None = None) -> FlowRun:
    """Read a flow run, and its task runs: those are recorded a little later than they end."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    wanted = flow_run_id or state.state_details.flow_run_id
    deadline = time.monotonic() + PATIENCE_SECONDS
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(wanted)
        chosen = FlowRunFilter(id=FlowRunFilterId(any_=[wanted]))
        seen: list[Any] = []
        while True:
            found = client.read_task_runs(flow_run_filter=chosen)
            is_settled = all(one.state is not None and one.state.is_final() for one in found)
            if (is_settled and len(found) == len(seen)) or time.monotonic() > deadline:
                break
            seen = found if is_settled else []
            time.sleep(0.15)
    assert run.state is not None
    return FlowRun(
        wanted,
        run.name,
        run.state.name or "",
        run.state.type.value,
        run.state.message or "",
        {one.name: _task_run(one) for one in found},
        state,
    )


def _task_run(run: Any) -> TaskRun:
    waits = run.task_inputs.get("reads", [])
    return TaskRun(
        run.id,
        run.name,
        run.state.name,
        run.state.type.value,
        run.state.message or "",
        run.run_count,
        frozenset(run.tags),
        frozenset(one.id for one in waits if hasattr(one, "id")),
    )


@pytest.fixture(scope="session")
def prefect_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of Prefect's own, which all flows of this process use."""
    home = tmp_path_factory.mktemp("prefect_home")
    before = dict(os.environ)
    os.environ.update(QUIET, PREFECT_HOME=str(home))
    try:
        from prefect.settings import PREFECT_API_URL
        from prefect.testing.utilities import prefect_test_harness

        with prefect_test_harness(server_startup_timeout=START_SECONDS):
            yield str(PREFECT_API_URL.value())
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
def run_flow(prefect_api: str) -> RunFlow:
    """Call a flow with parameters; give what Prefect says of its run when all its task runs are recorded."""

    def call(flow: Any, **parameters: Any) -> FlowRun:
        state = flow(return_state=True, **parameters)
        return flow_run(state)

    return call
