"""A client of Dagster's web server, which launches runs: the queue of its instance hands them to workers."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from fft_core import FftError

Path: TypeAlias = tuple[str, ...]  # of an asset key
_SECONDS = 60
_NODES = """
query ($keys: [AssetKeyInput!]!) {
  assetNodes(assetKeys: $keys) {
    assetKey { path }
    opVersion
    repository { name location { name } }
    assetChecksOrError { ... on AssetChecks { checks { name } } }
  }
}
"""
_RELOAD = "mutation { reloadWorkspace { __typename ... on Error { message } } }"
_LAUNCH = """
mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on RunConfigValidationInvalid { errors { message } }
    ... on Error { message }
  }
}
"""
_TERMINATE = """
mutation ($id: String!) {
  terminateRun(runId: $id) {
    __typename
    ... on TerminateRunFailure { message }
    ... on Error { message }
  }
}
"""


@dataclass(frozen=True)
class Launch:
    """A run to launch.

    Attributes:
        job: The job of its assets.
        assets: The assets to build, with the versions of their code.
        known_checks: The names of the checks of each asset.
        checks: The checks to run, by asset; None for all checks of the assets.
        config: The run config.
        tags: The tags of the run.
    """

    job: str
    assets: Mapping[Path, str]
    known_checks: Mapping[Path, frozenset[str]]
    checks: Sequence[tuple[Path, str]] | None = None
    config: Mapping[str, Any] = field(default_factory=dict)  # Any: plain values
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[Path, ...]:
        """The assets whose definitions the run needs."""
        return tuple(dict.fromkeys([*self.assets, *(path for path, _ in self.checks or ())]))


class WebServer:
    """A client of Dagster's web server.

    Args:
        address: Its address, as in http://localhost:3000.
    """

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")

    def launch(self, wanted: Launch) -> str:
        """Launch a run, and return its id. Code locations that do not have the code of now are loaded again first.

        Raises:
            FftError: the server cannot be reached, does not have the assets, or refuses the run.
        """
        nodes = self._nodes(wanted.keys)
        if not _are_current(nodes, wanted):
            self._ask(_RELOAD)
            nodes = self._nodes(wanted.keys)
        location, repository = self._place(nodes, wanted)
        selector: dict[str, Any] = {
            "repositoryLocationName": location,
            "repositoryName": repository,
            "pipelineName": wanted.job,
            "assetSelection": [{"path": path} for path in wanted.assets],
        }
        if wanted.checks is not None:
            selector["assetCheckSelection"] = [
                {"assetKey": {"path": path}, "name": name} for path, name in wanted.checks
            ]
        tags = [{"key": key, "value": value} for key, value in wanted.tags.items()]
        params = {"selector": selector, "runConfigData": wanted.config, "executionMetadata": {"tags": tags}}
        found = self._ask(_LAUNCH, {"params": params})["launchRun"]
        if "run" not in found:
            raise self._error(f"does not launch the run: {_said(found)}")
        return str(found["run"]["runId"])

    def terminate(self, run_id: str) -> None:
        """Terminate a run. Raises FftError if the server cannot be reached, or the run cannot be terminated."""
        found = self._ask(_TERMINATE, {"id": run_id})["terminateRun"]
        if found["__typename"] != "TerminateRunSuccess":
            raise self._error(f"does not terminate the run {run_id}: {_said(found)}")

    def _nodes(self, keys: Sequence[Path]) -> Mapping[Path, Any]:
        found = self._ask(_NODES, {"keys": [{"path": path} for path in keys]})["assetNodes"]
        return {tuple(node["assetKey"]["path"]): node for node in found}

    def _place(self, nodes: Mapping[Path, Any], wanted: Launch) -> tuple[str, str]:
        """Return the code location and the repository of the assets."""
        missing = [path for path in wanted.keys if path not in nodes]
        if missing:
            said = ", ".join("/".join(path) for path in missing[:5])
            hint = "Its code location must load this project by build_definitions, with the keys of FftTranslator."
            raise self._error(f"has no asset {said}", hint=hint)
        repositories = [nodes[path]["repository"] for path in wanted.keys]
        places = {(one["location"]["name"], one["name"]) for one in repositories}
        if len(places) > 1:
            names = ", ".join(sorted(location for location, _ in places))
            raise self._error(f"has the assets of this project in several code locations: {names}")
        return places.pop()

    def _ask(self, query: str, variables: Mapping[str, Any] | None = None) -> Any:  # Any: what was asked for
        body = json.dumps({"query": query, "variables": dict(variables or {})}).encode()
        request = urllib.request.Request(
            f"{self._address}/graphql", body, {"Content-Type": "application/json", "Accept": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
                found = json.load(answer)
        except urllib.error.HTTPError as error:
            try:  # errors of a question come with the status 400
                found = json.load(error)
            except ValueError:
                raise self._error(f"answers with the status {error.code}") from error
        except (OSError, ValueError) as error:
            raise self._error(f"cannot be reached: {error}", hint="Start it, or correct its address.") from error
        if not isinstance(found, dict) or found.get("errors") or not isinstance(found.get("data"), dict):
            errors = found.get("errors") if isinstance(found, dict) else None
            raise self._error(f"refuses a request: {errors[0].get('message') if errors else 'it is not GraphQL'}")
        return found["data"]

    def _error(self, said: str, *, hint: str | None = None) -> FftError:
        return FftError(f"Dagster's web server at {self._address} {said}", hint=hint, code="FFT-908")


def _are_current(nodes: Mapping[Path, Any], wanted: Launch) -> bool:
    """Return whether the server has the code and the checks of now: the plan of the run is made from them."""
    for path in wanted.keys:
        node = nodes.get(path)
        if node is None:
            return False
        checks = {check["name"] for check in node["assetChecksOrError"].get("checks", ())}
        if not wanted.known_checks.get(path, frozenset()) <= checks:
            return False
        if path in wanted.assets and node["opVersion"] != wanted.assets[path]:
            return False
    return True


def _said(found: Mapping[str, Any]) -> str:
    if found.get("errors"):
        return "; ".join(str(error["message"]) for error in found["errors"])
    return str(found.get("message") or found["__typename"])
