"""The files for containers, as far as they can be judged without Docker: schema, variables, commands and paths."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from fft_serve.command import command as serve
from tools.stack import parts
from tools.stack.parts import Place

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PLACE = Place(
    ROOT / ".local/stack", ROOT / "example_project", "postgres", {"postgres": 1, "redis": 2, "web": 3, "api": 4}
)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


def test_the_compose_file_fits_its_schema(compose: dict[str, Any]) -> None:
    vendored = files("check_jsonschema").joinpath("builtin_schemas/vendor/compose-spec.json")
    schema = json.loads(vendored.read_text())
    jsonschema.validate(compose, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**compose, "services": {"api": {"comand": ["x"]}}}, schema)


def test_each_variable_of_the_compose_file_is_in_the_example() -> None:
    used = set(re.findall(r"\$\{([A-Z_]+)", (DEPLOY / "compose.yaml").read_text()))
    assert used == set(re.findall(r"^([A-Z_]+)=", (DEPLOY / ".env.example").read_text(), re.MULTILINE))


def test_the_parts_have_what_they_depend_on(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == {"postgres", "redis", "web", "daemon", "worker", "api"}
    for service in services.values():
        for name, condition in service.get("depends_on", {}).items():
            assert condition == {"condition": "service_healthy"}
            assert "healthcheck" in services[name]
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source in compose["volumes"] or (DEPLOY / source).exists()
    names = set(re.findall(r"env: (\w+)", (DEPLOY / "dagster.yaml").read_text()))
    for name in ("web", "daemon", "worker", "api"):
        assert names <= services[name]["environment"].keys()
    assert services["worker"]["deploy"]["replicas"] == 2
    assert services["web"]["ports"][0].startswith("127.0.0.1:")  # it has no passwords


def test_containers_run_the_commands_of_the_stack(compose: dict[str, Any]) -> None:
    """The stack is tried by tests; the commands of the containers differ from its in addresses and names alone."""

    def words(name: str, command: Any) -> list[str]:
        found = [word for word in map(str, command) if "/" not in word and not re.search(r"\d|\$|@|127", word)]
        return [name, *(word for word in found if word not in ("--host", "-h", "project", "fft", "fft_cli", "-m"))]

    of_stack = {"web": parts.dagster_web(PLACE), "daemon": parts.daemon(PLACE), "worker": parts.worker(PLACE, 1, 1)}
    for name, part in {**of_stack, "api": parts.api(PLACE)}.items():
        command = compose["services"][name]["command"]
        own = [word for word in part.command[1:] if word != str(PLACE.project)]
        assert words(name, command[1:]) == words(name, own), name


def test_the_image_has_what_its_lines_copy_and_install(compose: dict[str, Any]) -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    for line in re.findall(r"^COPY (.*)$", text, re.MULTILINE):
        *sources, _ = shlex.split(line.replace("${PROJECT}", "example_project"))
        assert all((ROOT / source).exists() for source in sources), line
    (extras,) = re.findall(r"\.\[([a-z,]+)\]", text)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert set(extras.split(",")) <= project["project"]["optional-dependencies"].keys()
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert all(f"COPY {package} {package}\n" in text for package in packages)
    options = CliRunner().invoke(serve, ["--help"]).output
    assert all(option in options for option in ("--host", "--port"))
