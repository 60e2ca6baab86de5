"""What needs no server: names, keys, delays, which Prefect is used, and what is said of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from written_projects import loaded, write_project

from fft_core import FftError, Relation
from fft_core.project.model.nodes import Retries
from fft_prefect import FftTranslator, project_flow
from fft_prefect.artifacts import artifact_key
from fft_prefect.face import FACE
from fft_prefect.server import FOLDER, is_configured, use_prefect_of
from fft_prefect.translator import delays

FILES = {
    "models/users.ff.sql": """\
        {{ config(retries={'max': 2, 'delay': 3, 'backoff': 'linear', 'jitter': 'full'}, pool='db') }}
        select 1 as id
        """,
    "models/plain.ff.sql": "{{ config(tags=['a:b'], description='all <of> them') }}select 1 as id",
}


@pytest.mark.parametrize(
    ("relation", "key"),
    [
        (Relation("users", "main", "shop"), "duckdb://shop/main/users"),
        (Relation("daily sales", "a/b"), "duckdb://a~2fb/daily~20sales"),
        (Relation("a~20b"), "duckdb://a~7e20b"),  # no two become one
        (Relation("Größe"), "duckdb://Größe"),
    ],
)
def test_keys_of_assets_are_what_prefect_takes(tmp_path: Path, relation: Relation, key: str) -> None:
    from prefect.assets import Asset

    project = loaded(tmp_path, FILES)
    made = FftTranslator().get_asset_key(project.models["users"], relation, project)
    assert made == key
    assert Asset(key=made).key == key


def test_options_of_a_task_are_those_of_the_model(tmp_path: Path) -> None:
    project, translator = loaded(tmp_path, FILES), FftTranslator()
    users, plain = project.models["users"], project.models["plain"]
    assert translator.get_retries(users) == {
        "retries": 2,
        "retry_delay_seconds": [3.0, 6.0],
        "retry_jitter_factor": 1.0,
    }
    assert translator.get_retries(plain) == {}
    assert (translator.get_concurrency_limit(users), translator.get_concurrency_limit(plain)) == ("db", None)
    assert translator.get_tags(plain) == {"a:b"}
    assert translator.get_description(plain) == "all <of> them"


def test_prefect_takes_no_more_than_fifty_delays() -> None:
    assert len(delays(Retries(80, 1.0))) == 50


def test_keys_of_artifacts_are_what_prefect_takes(tmp_path: Path) -> None:
    files = {
        "project.yml": 'name: Größe & Co\nversion: "1"\n',
        "profiles.yml": "dev_1: {engine: duckdb, duckdb: {path: x}}",
    }
    assert artifact_key(loaded(tmp_path, files, env="dev_1"), "plan") == "fft-gr-e-co-dev-1-plan"


PROFILES = """\
active = "{active}"

[profiles.local]
PREFECT_API_URL = "http://127.0.0.1:4200/api"

[profiles.ephemeral]
PREFECT_SERVER_ALLOW_EPHEMERAL_MODE = "true"
"""


def test_which_prefect_is_used_can_be_said_in_three_ways(tmp_path: Path) -> None:
    path = tmp_path / "profiles.toml"
    path.write_text(PROFILES.format(active="local"))
    other = tmp_path / "other.toml"
    other.write_text(PROFILES.format(active="ephemeral"))
    none = {"PREFECT_PROFILES_PATH": str(tmp_path / "none.toml")}
    assert not is_configured(none)
    assert is_configured({**none, "PREFECT_API_URL": "http://127.0.0.1:4200/api"})
    assert is_configured({**none, "PREFECT_HOME": str(tmp_path)})
    assert is_configured({"PREFECT_PROFILES_PATH": str(path)})
    assert not is_configured({"PREFECT_PROFILES_PATH": str(other)})
    assert is_configured({"PREFECT_PROFILES_PATH": str(other), "PREFECT_PROFILE": "local"})


def test_without_any_the_history_is_in_the_projects_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PREFECT_PROFILES_PATH", str(tmp_path / "none.toml"))
    before = dict(os.environ)
    try:
        use_prefect_of(tmp_path)
        assert os.environ["PREFECT_HOME"] == str(tmp_path / FOLDER)
        assert os.environ["PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"] == "120"
        assert "PREFECT_API_URL" not in os.environ
    finally:
        os.environ.clear()
        os.environ.update(before)


def test_without_prefect_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fft_prefect.face.find_spec", lambda name: None)
    work: Any = None
    with pytest.raises(FftError, match="Prefect is not installed") as raised:
        next(iter(FACE.run(loaded(tmp_path, FILES), work, work)))
    assert raised.value.problem.hint == 'pip install "fft-dagster[prefect]"'


def test_another_prefect_that_is_configured_is_not_given_a_second_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    with pytest.raises(FftError, match="is already configured") as raised:
        FACE.open_ui(loaded(tmp_path, FILES), "127.0.0.1", 4200, {}, print)
    assert "prefect deploy" in (raised.value.problem.hint or "")


def test_a_flow_has_the_parameters_of_a_build_with_its_own_defaults(tmp_path: Path) -> None:
    flow = project_flow(write_project(tmp_path / "shop", FILES), select=["users"], exclude=["plain"], name="nightly")
    assert flow.name == "nightly"
    properties = flow.parameters.properties
    assert {name: properties[name]["default"] for name in ("select", "exclude", "cache", "dry_run")} == {
        "select": ["users"],
        "exclude": ["plain"],
        "cache": "rw",
        "dry_run": False,
    }
    assert properties["cache"]["enum"] == ["rw", "ro", "wo", "off"]
    assert "Globs of models and seeds that are built even if nothing changed." in properties["rebuild"]["description"]


def test_a_flow_is_made_of_a_folder_that_nobody_has_read() -> None:
    """A deployment is registered where the project's database, and even its files, need not be."""
    code = "from fft_prefect import project_flow; print(project_flow('/nowhere/shop').name)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "shop\n"


def test_the_example_is_deployed_by_what_its_prefect_yaml_names() -> None:
    from prefect.flows import load_flow_from_entrypoint

    example = Path(__file__).parents[2] / "example_project"
    (deployment,) = yaml.safe_load((example / "prefect.yaml").read_text())["deployments"]
    flow: Any = load_flow_from_entrypoint(str(example / deployment["entrypoint"]))
    assert flow.name == "flights"
    assert set(deployment["parameters"]) <= set(flow.parameters.properties)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"select": "users"}, "select is a list, not a text"),
        ({"exclude": "users"}, "exclude is a list, not a text"),
        ({"max_workers": 0}, "max_workers must be 1 or more, not 0"),
    ],
)
def test_an_argument_of_the_flow_that_cannot_be(tmp_path: Path, given: dict[str, Any], message: str) -> None:
    with pytest.raises(FftError, match=message):
        project_flow(tmp_path, **given)
