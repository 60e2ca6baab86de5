"""Dagster definitions for a project folder, in one call."""

from __future__ import annotations

import atexit
import gc
import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg

from fft_core import FftError, Project, Run, load_project
from fft_dagster.assets import freshness_checks, project_assets, source_checks, source_specs
from fft_dagster.collisions import refuse_collisions
from fft_dagster.execution.executor import thread_executor
from fft_dagster.gates import gated
from fft_dagster.io_manager import SHARED_IO_MANAGER, FftIOManagerDefinition, fft_io_manager
from fft_dagster.projects import BoundProject, bound_project, marked
from fft_dagster.resource import RESOURCE_KEY, SHARED_WAREHOUSE, warehouse_resource
from fft_dagster.storage_advice import advise_on_storage
from fft_dagster.translator import IO_MANAGER_KEY, FftTranslator

OwnAsset = dg.AssetsDefinition | dg.AssetSpec | dg.SourceAsset | Any  # Any: other types have no name

OwnCheck = dg.AssetChecksDefinition | Any  # Any: as above


def build_definitions(
    project_dir: Path | str,
    env: str | None = None,
    *,
    assets: Iterable[OwnAsset] = (),
    asset_checks: Iterable[OwnCheck] = (),
    translator: FftTranslator | None = None,
    resources: Mapping[str, Any] | None = None,
    executor: dg.ExecutorDefinition | None = thread_executor,
    variables: Mapping[str, object] | None = None,
    resource_prefix: str = "",
    declare_sources: bool = True,
    unit_tests: bool = False,
) -> dg.Definitions:
    """Load an FFT project as Dagster definitions; opens no database.

    Definitions of several projects, or of one in several environments, can be merged if their keys differ.

    Args:
        project_dir: The folder with `project.yml`.
        env: The environment, which selects the profile and the .env layers; None: FFT_ACTIVE_ENV or "dev".
        assets: Your own assets beside the models. An asset with the key of a source fills that source.
        asset_checks: Your own checks, as `dg.Definitions` takes them. Gates among them judge the rows of their asset
            before publication, see `gated`; Dagster runs the others.
        translator: The mapping of models to assets.
        resources: Your own resources, beside the warehouse ("fft_warehouse") and its IO manager ("fft_io_manager").
        executor: The executor of runs, by default threads of one process. None: that of definitions that these are
            merged with, or Dagster's default.
        variables: Values that override the `vars` of project.yml; None: those of FFT_VARS (JSON).
        resource_prefix: A prefix for the keys of this project's resources, for merging several projects if assets
            outside of `assets` use the resources.
        declare_sources: Whether sources that no asset in `assets` fills become external assets; False if definitions
            that these are merged with have assets with the same keys.
        unit_tests: Whether the cases of tests/unit become checks, which jobs of the models leave out.

    Raises:
        ProjectError: with all problems of the project, and of checks that cannot be gates.
        FftError: an asset would be stored as the table of a model, a seed or another asset.

    >>> from fft_dagster import build_definitions
    >>> defs = build_definitions("shop")
    >>> sorted(key.to_user_string() for key in defs.resolve_asset_graph().materializable_asset_keys)
    ['domains', 'raw_orders', 'raw_users', 'users']
    """
    advise_on_storage()
    _collect_less_often()
    given = _variables_of_environment() if variables is None else variables
    project = load_project(project_dir, env, variables=given)
    return project_definitions(
        project,
        assets=assets,
        asset_checks=asset_checks,
        translator=translator,
        resources=resources,
        executor=executor,
        resource_prefix=resource_prefix,
        declare_sources=declare_sources,
        unit_tests=unit_tests,
    )


def project_definitions(
    project: Project,
    *,
    assets: Iterable[OwnAsset] = (),
    asset_checks: Iterable[OwnCheck] = (),
    translator: FftTranslator | None = None,
    resources: Mapping[str, Any] | None = None,
    executor: dg.ExecutorDefinition | None = thread_executor,
    names: Collection[str] | None = None,
    jobs: Sequence[Any] = (),  # Any: dg.Definitions takes several kinds of jobs, whose union has no name
    resource_prefix: str = "",
    declare_sources: bool = True,
    unit_tests: bool = False,
    run: Run | None = None,
) -> dg.Definitions:
    """Return the definitions of a loaded project, or of the models and seeds in `names` only.

    Args:
        project: A loaded project.
        assets, asset_checks, translator, resources, executor: As for `build_definitions`.
        names: The models and seeds to make assets for; None: all.
        jobs: Jobs that the definitions contain.
        resource_prefix, declare_sources, unit_tests: As for `build_definitions`.
        run: The run that the assets are for, if any: it knows which nodes may be built.

    >>> from fft_core import load_project
    >>> from fft_dagster import project_definitions
    >>> defs = project_definitions(load_project("shop"), names={"raw_users", "users"})
    >>> defs.resolve_implicit_global_asset_job_def().execute_in_process().success
    True
    """
    translator = translator or FftTranslator()
    found = gated(project, asset_checks, translator)
    project, own_checks = found.project, found.others
    bound, own = bound_project(project, translator), list(assets)
    all_resources = {**_resources(project, translator, resource_prefix), **(resources or {})}
    managers = {key for key, resource in all_resources.items() if isinstance(resource, FftIOManagerDefinition)}
    refuse_collisions(bound, own, managers)
    own_keys = {key for asset in own for key in _keys(asset)}
    sources = [spec for spec in source_specs(project, translator) if declare_sources and spec.key not in own_keys]
    taken = {
        one.node_def.name for one in (*own, *own_checks) if isinstance(one, dg.AssetsDefinition) and one.is_executable
    }
    made: dict[str, Any] = {"resource_prefix": resource_prefix, "taken": taken}  # Any: common arguments
    cases = _unit_tests(project, translator, taken) if unit_tests else _UnitTests()
    return dg.Definitions(
        assets=[
            *project_assets(project, translator, names, run, **made),
            *sources,
            *cases.assets,
            *(_marked(asset, bound) for asset in own),
        ],
        asset_checks=[
            *own_checks,
            *source_checks(project, translator, **made),
            # a build does not check the age of rows
            *(freshness_checks(project, translator, **made) if names is None else ()),
            *cases.checks,
        ],
        sensors=_stream_sensors(project, translator) if names is None else (),
        resources=all_resources,
        executor=executor,
        jobs=list(jobs),
    )


# The thresholds of Python's garbage collector that nobody has changed, in all versions of Python.
_DEFAULTS = ((700, 10, 10), (2000, 10, 10), (2000, 10, 0))


def _collect_less_often() -> None:
    """Let Python search for cycles less often, unless the process has its own thresholds.

    Definitions of hundreds of assets are a million objects that stay: the searches took an eighth of "Materialize all".
    """
    if gc.get_threshold() in _DEFAULTS:
        gc.set_threshold(50_000, 20, 100)
        _end_quickly()


@cache
def _end_quickly() -> None:
    """Let the process end without a search for cycles, which takes a third of the time to load 2,000 assets."""
    atexit.register(_leave_objects)


def _leave_objects() -> None:
    """Take all objects out of the search. Not if a library made with nanobind is loaded, as DuckDB's driver is.

    It would print that its objects leaked. Its types have metaclasses of their own, whose names begin with `nb_`.
    """
    if not any(type(kind).__name__.startswith("nb_") for kind in object.__subclasses__()):
        gc.freeze()


def _stream_sensors(project: Project, translator: FftTranslator) -> list[dg.SensorDefinition]:
    """Return the sensor for the project's streams, if it has any; the sensor is off until somebody starts it."""
    if not any(model.kind == "stream" for model in project.models.values()):
        return []
    from fft_dagster.streams import stream_sensor  # most projects have no stream

    return [stream_sensor(project, translator)]


@dataclass(frozen=True)
class _UnitTests:
    """The assets, checks and job of a project's unit tests."""

    assets: Sequence[dg.AssetSpec] = ()
    checks: Sequence[dg.AssetChecksDefinition] = ()


def _unit_tests(project: Project, translator: FftTranslator, taken: Collection[str]) -> _UnitTests:
    from fft_dagster.unit_tests import unit_test_checks, unit_test_specs  # most definitions have none

    return _UnitTests(unit_test_specs(project, translator), unit_test_checks(project, translator, taken=taken))


def _resources(project: Project, translator: FftTranslator, prefix: str) -> dict[str, Any]:
    """Return the warehouse and its IO manager: shared by all projects, or with a prefix, those of this project."""
    if not prefix:
        return {RESOURCE_KEY: SHARED_WAREHOUSE, IO_MANAGER_KEY: SHARED_IO_MANAGER}
    warehouse = f"{prefix}{RESOURCE_KEY}"
    return {
        warehouse: warehouse_resource(project),
        f"{prefix}{IO_MANAGER_KEY}": fft_io_manager(project, translator, warehouse=warehouse),
    }


def _keys(asset: OwnAsset) -> Iterable[dg.AssetKey]:
    """Return the keys that are known before definitions are resolved."""
    match asset:
        case dg.AssetsDefinition():
            return asset.keys
        case dg.AssetSpec() | dg.SourceAsset():
            return (asset.key,)
    return ()


def _marked(asset: OwnAsset, bound: BoundProject) -> OwnAsset:
    match asset:
        case dg.AssetsDefinition() if asset.keys:
            return asset.map_asset_specs(lambda spec: marked(spec, bound))
        case dg.AssetSpec():
            return marked(asset, bound)
    return asset


def _variables_of_environment() -> Mapping[str, object]:
    text = os.environ.get("FFT_VARS") or "{}"
    try:
        variables = json.loads(text)
    except ValueError:
        variables = None
    if not isinstance(variables, dict):
        raise FftError(
            "FFT_VARS is not a JSON object", hint='As in {"first_id": 7}; fft dev --vars sets it.', code="FFT-310"
        )
    return variables
