"""`fft dev --with prefect`: Prefect's UI on the project's own history, with the flow beside it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from chromium import CHROMIUM
from fft_process import FFT
from run_helpers import run_results, shop

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
PATIENCE_SECONDS = 180.0


@dataclass(frozen=True)
class Ui:
    root: Path
    url: str
    environment: dict[str, str]
    process: subprocess.Popen[str]

    def ask(self, path: str, **body: Any) -> Any:
        answer = httpx.post(f"{self.url}/api/{path}", json=body, timeout=30)
        assert answer.is_success, answer.text
        return answer.json()

    def fft(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [str(FFT), *words]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, timeout=120)


def until(question: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            if answer := question():
                return answer
        except httpx.HTTPError:  # it does not listen yet
            pass
        time.sleep(0.3)
    raise AssertionError("no answer in time")


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    folder = tmp_path_factory.mktemp("ui")
    root = shop(folder / "shop")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "FF_", "FFT_"))}
    environment = {**kept, "HOME": str(folder)}
    command = [str(FFT), "dev", str(root), "--with", "prefect", "--port", str(port)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, text=True, start_new_session=True)
    started = Ui(root, f"http://127.0.0.1:{port}", environment, process)
    try:
        until(lambda: process.poll() is None and started.ask("deployments/filter"))
        yield started
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(40)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def test_the_flow_can_be_started_in_the_ui(ui: Ui) -> None:
    (deployment,) = ui.ask("deployments/filter")
    assert deployment["name"] == "dev"
    assert set(deployment["parameter_openapi_schema"]["properties"]) >= {"select", "rebuild", "dry_run", "vars"}
    created = ui.ask(
        f"deployments/{deployment['id']}/create_flow_run", parameters={"select": ["users"], "dry_run": True}
    )

    def ended() -> Any:
        (run,) = ui.ask("flow_runs/filter", flow_runs={"id": {"any_": [created["id"]]}})
        return run if run["state_type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else None

    run = until(ended)
    assert (run["state_type"], run["state"]["message"]) == ("COMPLETED", "1 to build, 0 to reuse")


def test_a_command_beside_it_runs_on_its_server(ui: Ui) -> None:
    done = ui.fft("build", str(ui.root), "--with", "prefect")
    assert (done.returncode, done.stderr) == (0, "")
    (run,) = ui.ask("flow_runs/filter", flow_runs={"name": {"any_": ["fft build (dev)"]}})
    assert run["id"] == run_results(ui.root)["metadata"]["run_id"]
    assert run["state_type"] == "COMPLETED"


def test_a_second_one_is_refused(ui: Ui) -> None:
    done = ui.fft("dev", str(ui.root), "--with", "prefect", "--port", "9")
    assert done.returncode == 1
    assert f"the UI of this project is open already: {ui.url}" in done.stderr


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_the_page_of_a_run_shows_its_tasks(ui: Ui, tmp_path: Path) -> None:
    ui.fft("build", str(ui.root), "--with", "prefect", "--rebuild", "users")
    run_id = run_results(ui.root)["metadata"]["run_id"]
    page = f"{ui.url}/runs/flow-run/{run_id}"
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
        "--window-size=1400,1200", "--virtual-time-budget=20000", "--dump-dom", page,
    ]  # fmt: skip
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    for text in ("fft build (dev)", "Completed", "built, "):
        assert text in shown
