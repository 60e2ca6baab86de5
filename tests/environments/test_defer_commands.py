"""The commands and runs of Dagster that read from another environment."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from run_helpers import Finished, called_fft
from two_environments import Environments, environments

from fft_dagster import build_definitions

CHECKS = """\
name: shop
version: '1'
tests:
  - {type: relationships, table: counted, column: n, to: users, field: id}
  - {type: unique, table: loud, column: id}
"""


@pytest.fixture
def built(tmp_path: Path) -> Environments:
    with environments("second file", tmp_path / "shop", None) as both:
        both.write({"project.yml": CHECKS})
        both.build(env="prod")
        return both


@pytest.fixture
def fft(
    built: Environments, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Finished]:
    def call(command: str, *arguments: str, **environment: str) -> Finished:
        written = "".join(f"{name}={value}\n" for name, value in environment.items())
        (built.root / ".env").write_text(written)  # called_fft removes what begins with FFT_ from the process
        return called_fft((command, *arguments, str(built.root)), monkeypatch, capfd)

    return call


def test_plan_build_show_and_test_defer(built: Environments, fft: Callable[..., Finished]) -> None:
    planned = fft("plan", "--defer", "prod", "--select", "counted")
    assert [" ".join(line.split()) for line in planned.out.splitlines()][:2] == [
        "build counted no build is recorded",
        "reads loud from it's prod.main.loud (prod)",
    ]
    shown = fft("show", "counted", "--defer", "prod", "--json")
    assert json.loads(shown.out)["rows"] == [{"n": 3, "last": "CYD"}]
    assert json.loads(fft("show", "users", "--defer", "prod", "--json").out)["rows"][0] == {"id": 1, "name": "ann"}
    assert '"it\'s prod"."main"."loud"' in fft("show", "counted", "--sql", "--defer", "prod").out
    assert fft("show", "counted").code == 1
    done = fft("build", "--defer", "prod", "--select", "counted")
    assert (done.code, built.rows("counted")) == (0, [(3, "CYD")])
    assert fft("plan", "--defer", "prod", "--select", "counted").out.strip() == "0 to build, 1 to reuse"
    tested = fft("test", "--defer", "prod", "--select", "counted")
    assert (tested.code, "1 passed" in tested.out or "pass" in tested.out) == (0, True)
    assert fft("test", "--select", "counted").code != 0  # users is not here
    assert fft("test", "--select", "loud").code != 0
    assert fft("test", "--select", "loud", "--defer", "prod").code == 0


def test_run_adds_nothing_to_what_is_selected(built: Environments, fft: Callable[..., Finished]) -> None:
    assert fft("run", "--defer", "prod", "--select", "counted").code == 0
    assert not built.is_there("users")
    assert built.is_there("counted")


def test_the_variable_defers_and_an_empty_option_does_not(built: Environments, fft: Callable[..., Finished]) -> None:
    assert fft("build", "--select", "counted", FFT_DEFER="prod").code == 0
    assert built.rows("counted") == [(3, "CYD")]
    refused = fft("build", "--select", "ends", "--defer", "", FFT_DEFER="prod")
    assert refused.code != 0
    assert "louder" in refused.out + refused.err


def test_what_differs_there_can_be_selected(built: Environments, fft: Callable[..., Finished]) -> None:
    built.write({"models/ends.ff.sql": "select id from {{ ref('louder') }}"})
    assert fft("build", "--defer", "prod", "--select", "state:modified").code == 0
    assert built.rows("ends") == [(1,), (2,), (3,)]
    assert not built.is_there("louder")


def test_errors_of_the_call_are_told_in_one_line(built: Environments, fft: Callable[..., Finished]) -> None:
    for command in ("plan", "build", "test", "show"):
        what = ("counted",) if command == "show" else ("--select", "counted")
        wrong = fft(command, *what, "--defer", "prdo")
        assert "Traceback" not in wrong.err
        assert "the environment 'prdo'" in wrong.out + wrong.err, command


def test_a_run_of_dagster_defers_by_its_configuration(built: Environments) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        job = build_definitions(built.root, env="dev", executor=None).resolve_implicit_global_asset_job_def()
        config = {"resources": {"fft_warehouse": {"config": {"defer": "prod"}}}}
        done = job.execute_in_process(
            run_config=config, instance=instance, asset_selection=[dg.AssetKey("counted")], raise_on_error=True
        )
    assert done.success
    assert built.rows("counted") == [(3, "CYD")]
    assert not built.is_there("loud")


def test_a_run_of_dagster_defers_by_the_variable(built: Environments, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FFT_DEFER", "prod")
    job = build_definitions(built.root, env="dev", executor=None).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        done = job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey("counted")])
    assert done.success
    assert not built.is_there("loud")
