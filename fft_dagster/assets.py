"""One step per model and seed, each with its checks; a step that only checks, where only checks are selected."""

import inspect
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

import dagster as dg

from fft_core import (
    BuildResult,
    Check,
    CheckFailedError,
    JudgedView,
    LiveViews,
    Masker,
    Model,
    Project,
    Seed,
    Source,
    Warehouse,
    build_or_reuse,
    check_node,
    project_subjects,
    source_freshness,
)
from fft_dagster import events
from fft_dagster.executor import interruptible
from fft_dagster.resource import RESOURCE_KEY, WarehouseSessions
from fft_dagster.translator import FftTranslator


def project_assets(
    project: Project,
    translator: FftTranslator | None = None,
    names: Collection[str] | None = None,
    live_views: LiveViews | None = None,
) -> list[dg.AssetsDefinition]:
    """Make the assets of a project: one definition, and so one step, for each stored model and each seed.

    Ephemeral models have no rows and so no asset: what reads them depends on what they read. `names` limits the assets
    to some models and seeds; `live_views` knows which of them may be built.
    """
    translator, live_views = translator or FftTranslator(), live_views or LiveViews(project)
    subjects = {subject.name: subject for subject in project_subjects(project)}
    nodes = [node for node in project.stored() if names is None or node.name in names]
    return [_node_asset(node, project, translator, subjects[node.name].code, live_views) for node in nodes]


def source_specs(project: Project, translator: FftTranslator | None = None) -> list[dg.AssetSpec]:
    """Describe the sources of a project as external assets."""
    translator = translator or FftTranslator()
    return [translator.get_asset_spec(source, project) for source in project.sources.values()]


def source_checks(project: Project, translator: FftTranslator | None = None) -> list[dg.AssetChecksDefinition]:
    """Make the checks of the sources: one definition for each source that has some."""
    translator = translator or FftTranslator()
    return [
        _source_check(source, checks, translator)
        for source in project.sources.values()
        if (checks := project.checks_of(source.name))
    ]


def freshness_checks(project: Project, translator: FftTranslator | None = None) -> list[dg.AssetChecksDefinition]:
    """Make a check for each source whose freshness is limited. It blocks nothing: old rows are no bad rows."""
    translator = translator or FftTranslator()
    return [_freshness_check(source, project, translator) for source in project.sources.values() if source.freshness]


def _node_asset(
    node: Model | Seed, project: Project, translator: FftTranslator, code_version: str, live_views: LiveViews
) -> dg.AssetsDefinition:
    checks = project.checks_of(node.name)
    spec = translator.get_asset_spec(node, project)
    first = [translator.get_asset_key(project.node(name)) for name in live_views.goes_after(node.name)]
    known = {dep.asset_key for dep in spec.deps}
    if further := [key for key in first if key not in known]:
        spec = spec.merge_attributes(deps=further)
    if spec.code_version is None:
        spec = spec.replace_attributes(code_version=code_version)

    def step(context: dg.AssetExecutionContext) -> Any:  # an iterator; the hints of a plain type are read in no time
        resource: WarehouseSessions = getattr(context.resources, RESOURCE_KEY)
        wanted = {key.name for key in context.selected_asset_check_keys}
        selected = [check for check in checks if check.name in wanted]
        with _turn(resource, node) as warehouse:
            if context.selected_asset_keys:
                rebuilder = resource.rebuilder(warehouse, partial(_names_in_run, context, project, translator))
                try:
                    result = build_or_reuse(warehouse, rebuilder, node, run_id=context.run.run_id)
                except CheckFailedError as error:
                    yield from events.failed_checks(spec.key, error, wanted, resource.masker)
                    yield from _view_evaluations(
                        project, translator, node.name, error.views, resource.masker, published=False
                    )
                    raise
                resource.tell(node.name, result)
                yield events.materialization(context, spec.key, result, wanted, resource.masker)
                if isinstance(result, BuildResult):
                    in_run = context.job_def.asset_layer.selected_asset_keys  # their own steps tell what was found
                    views = [v for v in result.views if translator.get_asset_key(project.node(v.name)) not in in_run]
                    yield from _view_evaluations(project, translator, node.name, views, resource.masker, published=True)
            else:
                yield from _check(resource, warehouse, node, spec.key, selected)

    step.__signature__ = _STEP_SIGNATURE  # type: ignore[attr-defined]
    return dg.multi_asset(
        name=step_name(spec.key),
        specs=[spec],
        check_specs=[translator.get_check_spec(check, node) for check in checks],
        can_subset=True,  # so that a check can be run without its model
        required_resource_keys={RESOURCE_KEY},
    )(step)


def _names_in_run(context: dg.AssetExecutionContext, project: Project, translator: FftTranslator) -> frozenset[str]:
    """Name the models and seeds that have their turn in a run."""
    keys = context.job_def.asset_layer.selected_asset_keys
    return frozenset(node.name for node in project.stored() if translator.get_asset_key(node) in keys)


def _view_evaluations(
    project: Project,
    translator: FftTranslator,
    node: str,
    views: Sequence[JudgedView],
    masker: Masker,
    *,
    published: bool,
) -> Iterator[dg.AssetCheckEvaluation]:
    for view in views:
        key = translator.get_asset_key(project.node(view.name))
        yield from events.view_evaluations(key, view, node, masker, published=published)


# Dagster asks for the signature of a step's function sixteen times, at 0.05 ms: all have the same.
_STEP_SIGNATURE = inspect.signature(lambda context: None)


def _source_check(source: Source, checks: Sequence[Check], translator: FftTranslator) -> dg.AssetChecksDefinition:
    key = translator.get_asset_key(source)

    @dg.multi_asset_check(
        name=source_step_name(key),
        specs=[translator.get_check_spec(check, source) for check in checks],
        can_subset=True,
        required_resource_keys={RESOURCE_KEY},
    )
    def step(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        resource: WarehouseSessions = getattr(context.resources, RESOURCE_KEY)
        wanted = {check_key.name for check_key in context.selected_asset_check_keys}
        with _turn(resource, source) as warehouse:
            yield from _check(resource, warehouse, source, key, [check for check in checks if check.name in wanted])

    return step


def _freshness_check(source: Source, project: Project, translator: FftTranslator) -> dg.AssetChecksDefinition:
    key = translator.get_asset_key(source)
    spec = translator.get_freshness_spec(source, project)

    @dg.multi_asset_check(name=f"{step_name(key)}_{spec.name}", specs=[spec], required_resource_keys={RESOURCE_KEY})
    def step(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        resource: WarehouseSessions = getattr(context.resources, RESOURCE_KEY)
        with _turn(resource, source) as warehouse:
            return events.freshness_result(spec, source_freshness(warehouse, source))

    return step


@contextmanager
def _turn(resource: WarehouseSessions, node: Model | Seed | Source) -> Iterator[Warehouse]:
    """Give the session in which a step works; it is interrupted with the run. Beginning and failure are told."""
    resource.tell(str(node.name), datetime.now(UTC))
    with (
        events.step_failures(resource.masker, partial(resource.tell, str(node.name))),
        resource.session() as warehouse,
        interruptible(warehouse.engine.interrupt),
    ):
        yield warehouse


def _check(
    resource: WarehouseSessions,
    warehouse: Warehouse,
    node: Model | Seed | Source,
    key: dg.AssetKey,
    checks: Sequence[Check],
) -> Iterator[dg.AssetCheckResult]:
    results = check_node(warehouse, node.name, tuple(checks))
    resource.tell(str(node.name), results)
    for result in results:
        yield events.check_result(key, result, events.PUBLISHED, resource.masker)


def step_name(key: dg.AssetKey) -> str:
    """Give the key of the step that builds an asset."""
    return re.sub(r"\W", "_", "__".join(key.path), flags=re.ASCII)


def source_step_name(key: dg.AssetKey) -> str:
    """Give the key of the step that runs the checks of a source."""
    return f"{step_name(key)}_checks"
