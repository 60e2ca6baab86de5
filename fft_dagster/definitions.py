"""A project folder becomes `dg.Definitions` in one call."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from fft_core import FftError, LiveViews, Project, load_project
from fft_dagster.assets import freshness_checks, project_assets, source_checks, source_specs
from fft_dagster.executor import thread_executor
from fft_dagster.io_manager import io_manager
from fft_dagster.resource import RESOURCE_KEY, warehouse_resource
from fft_dagster.translator import IO_MANAGER_KEY, FftTranslator


def build_definitions(
    project_dir: Path | str,
    env: str | None = None,
    *,
    assets: Sequence[dg.AssetsDefinition] = (),
    translator: FftTranslator | None = None,
    resources: Mapping[str, Any] | None = None,
    executor: dg.ExecutorDefinition | None = None,
    variables: Mapping[str, object] | None = None,
) -> dg.Definitions:
    """Load an FFT project as Dagster definitions; opens no database.

    Args:
        project_dir: The folder that holds `project.yml`.
        env: Chooses the profile and the .env layers; FFT_ACTIVE_ENV or "dev" where None.
        assets: Your own assets beside the models. One that has the key of a source fills that source.
        translator: How models become assets.
        resources: Your own resources, beside the warehouse ("fft_warehouse") and its IO manager ("fft_io_manager").
        executor: How runs are executed; steps in threads of one process where None.
        variables: Override the `vars` of project.yml; those of FFT_VARS (JSON) where None.

    Raises:
        ProjectError: with all problems of the project.

    >>> defs = build_definitions("example_project", env="test")  # doctest: +SKIP
    """
    given = _variables_of_environment() if variables is None else variables
    project = load_project(project_dir, env, variables=given)
    return project_definitions(project, assets=assets, translator=translator, resources=resources, executor=executor)


def project_definitions(
    project: Project,
    *,
    assets: Sequence[dg.AssetsDefinition] = (),
    translator: FftTranslator | None = None,
    resources: Mapping[str, Any] | None = None,
    executor: dg.ExecutorDefinition | None = None,
    names: Collection[str] | None = None,
    jobs: Sequence[Any] = (),  # Any: dg.Definitions takes several kinds of jobs, and does not name their union
    live_views: LiveViews | None = None,
) -> dg.Definitions:
    """Do the same for a project that is already loaded, and for some of its models and seeds where `names` is given."""
    translator = translator or FftTranslator()
    own_keys = {key for definition in assets for key in definition.keys}
    sources = [spec for spec in source_specs(project, translator) if spec.key not in own_keys]
    return dg.Definitions(
        assets=[*project_assets(project, translator, names, live_views), *sources, *assets],
        asset_checks=[
            *source_checks(project, translator),
            *(freshness_checks(project, translator) if names is None else ()),  # a build does not ask how old rows are
        ],
        resources={
            RESOURCE_KEY: warehouse_resource(project),
            IO_MANAGER_KEY: io_manager(translator),
            **(resources or {}),
        },
        executor=executor or thread_executor,
        jobs=list(jobs),
    )


def _variables_of_environment() -> Mapping[str, object]:
    text = os.environ.get("FFT_VARS") or "{}"
    try:
        variables = json.loads(text)
    except ValueError:
        variables = None
    if not isinstance(variables, dict):
        raise FftError("FFT_VARS is not a JSON object", hint='As in {"first_id": 7}; fft dev --vars sets it.')
    return variables
