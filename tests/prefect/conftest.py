"""One real server of Prefect for all tests of this folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect_runs import QUIET, START_SECONDS, FlowRun, RunFlow, flow_run


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


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of a project."""
    return tmp_path / "shop"
