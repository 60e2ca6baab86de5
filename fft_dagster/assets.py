"""Assets and checks: a step for each model and seed with its checks, or a step that only runs checks if selected so."""

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeAlias

import dagster as dg

from fft_core import CheckFailedError, FftError, Model, Project, Run, Seed, Source, Warehouse, source_freshness
from fft_core.build.publish import BuildResult
from fft_core.checks.results import JudgedView
from fft_core.engines.spec.masking import Masker
from fft_core.project.model import Check
from fft_core.run.live_views import LiveViews
from fft_core.run.outcomes import StepStarted, ended_with_checks, ended_with_error, ended_with_rows, not_started
from fft_core.run.results import NodeRunResult
from fft_core.run.time_limit import limited
from fft_core.run.turn import check_node
from fft_dagster import events
from fft_dagster.execution.executor import NODE_TAG, interruptible
from fft_dagster.execution.run_scope import refuse_processes
from fft_dagster.projects import BoundProject, bound_project, marked, names_in_run
from fft_dagster.resource import RESOURCE_KEY, ProjectWarehouses, WarehouseSessions
from fft_dagster.step_names import StepNames
from fft_dagster.translator import IO_MANAGER_KEY, FftTranslator

_IO_MANAGER = "dagster/io_manager_key"  # AssetSpec.with_io_manager_key stores the key here


def project_assets(
    project: Project,
    translator: FftTranslator | None = None,
    names: Collection[str] | None = None,
    run: Run | None = None,
    *,
    resource_prefix: str = "",
    taken: Collection[str] = (),
) -> list[dg.AssetsDefinition]:
    """Return the assets of a project: one definition, and so one step, for each stored model and each seed.

    Ephemeral models have no rows and so no asset: their readers depend on their inputs instead.

    Args:
        project: A loaded project.
        translator: The mapping of models to assets.
        names: The models and seeds to make assets for; None: all.
        run: The run that the assets are for, if any: it knows which nodes may be built.
        resource_prefix: The prefix of the keys of the project's resources.
        taken: Names of steps that other assets use.

    >>> from fft_core import load_project
    >>> from fft_dagster import project_assets
    >>> assets = project_assets(load_project("shop"), names={"users", "domains"})
    >>> [asset.key.to_user_string() for asset in assets]
    ['users', 'domains']
    """
    bound, run = bound_project(project, translator), run or Run(project)
    steps = StepNames(bound, taken)
    identities = {identity.name: identity for identity in run.identities.all()}
    nodes = [node for node in project.stored() if names is None or node.name in names]
    return [
        _node_asset(node, bound, identities[node.name].code, run.live_views, steps.of(node), resource_prefix)
        for node in nodes
    ]


def source_specs(project: Project, translator: FftTranslator | None = None) -> list[dg.AssetSpec]:
    """Return the sources of a project as external assets.

    >>> from fft_core import load_project
    >>> from fft_dagster import source_specs
    >>> [spec.key.to_user_string() for spec in source_specs(load_project("shop"))]
    ['crm/orders']
    """
    bound = bound_project(project, translator)
    return [marked(bound.translator.get_asset_spec(source, project), bound) for source in project.sources.values()]


def source_checks(
    project: Project,
    translator: FftTranslator | None = None,
    *,
    resource_prefix: str = "",
    taken: Collection[str] = (),
) -> list[dg.AssetChecksDefinition]:
    """Return the checks of the sources: one definition for each source with checks.

    Args:
        project: A loaded project.
        translator: The mapping of sources to assets.
        resource_prefix: The prefix of the keys of the project's resources.
        taken: Names of steps that other assets use.

    >>> from fft_core import load_project
    >>> from fft_dagster import source_checks
    >>> [key.name for checks in source_checks(load_project("shop")) for key in checks.check_keys]
    ['not_null_id']
    """
    steps = _SourceSteps.named(project, translator, resource_prefix, taken)
    return [steps.of_checks(source) for source in project.sources.values() if project.checks_of(source.name)]


def freshness_checks(
    project: Project,
    translator: FftTranslator | None = None,
    *,
    resource_prefix: str = "",
    taken: Collection[str] = (),
) -> list[dg.AssetChecksDefinition]:
    """Return a check for each source with a freshness limit. It blocks nothing, as old rows are still valid rows.

    Args:
        project: A loaded project.
        translator: The mapping of sources to assets.
        resource_prefix: The prefix of the keys of the project's resources.
        taken: Names of steps that other assets use.

    >>> from fft_core import load_project
    >>> from fft_dagster import freshness_checks
    >>> [key.name for checks in freshness_checks(load_project("shop")) for key in checks.check_keys]
    ['freshness']
    """
    steps = _SourceSteps.named(project, translator, resource_prefix, taken)
    return [steps.of_freshness(source) for source in project.sources.values() if source.freshness]


def _node_asset(
    node: Model | Seed, bound: BoundProject, code_version: str, live_views: LiveViews, step_name: str, prefix: str
) -> dg.AssetsDefinition:
    project, translator = bound.project, bound.translator
    checks = project.checks_of(node.name)
    spec = marked(translator.get_asset_spec(node, project), bound, code_version)
    if prefix and spec.metadata.get(_IO_MANAGER) == IO_MANAGER_KEY:
        spec = spec.with_io_manager_key(f"{prefix}{IO_MANAGER_KEY}")
    first = [translator.get_asset_key(project.node(name)) for name in live_views.goes_after(node.name)]
    known = {dep.asset_key for dep in spec.deps}
    if further := [key for key in first if key not in known]:
        spec = spec.merge_attributes(deps=further)

    def step(context: dg.AssetExecutionContext) -> Any:  # an iterator; Dagster reads a plain type hint fastest
        resource = _sessions(context, prefix, bound)
        refuse_processes(context, project)
        wanted = {key.name for key in context.selected_asset_check_keys}
        selected = [check for check in checks if check.name in wanted]
        begun = _begun(bound, node)
        with _turn(resource, node, begun) as warehouse:
            if context.selected_asset_keys:
                run_id = _run_id(context)
                in_run = partial(names_in_run, context.job_def, bound) if run_id else None
                try:
                    result = resource.run(in_run).build(node, run_id=run_id)
                except CheckFailedError as error:
                    yield from events.failed_checks(spec.key, error, wanted, resource.masker)
                    yield from _view_evaluations(
                        project, translator, node.name, error.views, resource.masker, published=False
                    )
                    raise
                resource.tell(ended_with_rows(begun, result))
                yield events.materialization(context if run_id else None, spec.key, result, wanted, resource.masker)
                if isinstance(result, BuildResult) and result.views:
                    told = _keys_in_run(context) if run_id else frozenset()  # others report for themselves
                    views = [v for v in result.views if translator.get_asset_key(project.node(v.name)) not in told]
                    yield from _view_evaluations(project, translator, node.name, views, resource.masker, published=True)
            else:
                yield from _check(resource, warehouse, node, spec.key, selected, begun)

    step.__signature__ = _STEP_SIGNATURE  # type: ignore[attr-defined]
    return dg.multi_asset(
        name=step_name,
        specs=[spec],
        check_specs=[translator.get_check_spec(check, node) for check in checks],
        can_subset=True,  # so that a check can be run without its model
        required_resource_keys={f"{prefix}{RESOURCE_KEY}"},
        **_step_options(node, translator),
    )(step)


def _step_options(node: Model | Seed | Source, translator: FftTranslator) -> dict[str, Any]:
    """Return the arguments of Dagster's decorators that configure how a step is run."""
    return {
        "pool": translator.get_pool(node),
        "op_tags": {**translator.get_op_tags(node), NODE_TAG: str(node.name)},
        "retry_policy": translator.get_retry_policy(node),
    }


def _run_id(context: dg.AssetExecutionContext) -> str | None:
    try:
        return context.run.run_id
    except dg.DagsterError:  # called directly, with a context of build_asset_context
        return None


def _keys_in_run(context: dg.AssetExecutionContext) -> Set[dg.AssetKey]:
    return context.job_def.asset_layer.selected_asset_keys


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


def _sessions(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, prefix: str, bound: BoundProject
) -> WarehouseSessions:
    resource: WarehouseSessions | ProjectWarehouses = getattr(context.resources, f"{prefix}{RESOURCE_KEY}")
    return resource.of(bound)


# The work of a step at a source, with the sessions of the run and of the thread, the result, and the selected checks.
_Evaluate: TypeAlias = Callable[[WarehouseSessions, Warehouse, NodeRunResult, Set[str]], Iterable[dg.AssetCheckResult]]


@dataclass(frozen=True)
class _SourceSteps:
    """A factory for steps that check sources."""

    bound: BoundProject
    names: StepNames
    prefix: str

    @classmethod
    def named(
        cls, project: Project, translator: FftTranslator | None, prefix: str, taken: Collection[str]
    ) -> "_SourceSteps":
        bound = bound_project(project, translator)
        return cls(bound, StepNames(bound, taken), prefix)

    def of_checks(self, source: Source) -> dg.AssetChecksDefinition:
        """Return the step that runs the checks of a source."""
        translator, checks = self.bound.translator, self.bound.project.checks_of(source.name)
        key = translator.get_asset_key(source)

        def evaluate(
            resource: WarehouseSessions, warehouse: Warehouse, begun: NodeRunResult, wanted: Set[str]
        ) -> Iterator[dg.AssetCheckResult]:
            selected = [check for check in checks if check.name in wanted]
            return _check(resource, warehouse, source, key, selected, begun)

        after = self._all_stored() if source.is_of_hooks else ()
        specs = [_waiting(translator.get_check_spec(check, source), after) for check in checks]
        return self._step(source, self.names.of_checks(source), specs, evaluate)

    def _all_stored(self) -> Sequence[dg.AssetKey]:
        """Return the keys of all models and seeds: once they are built, hooks have written their tables."""
        return [self.bound.translator.get_asset_key(node) for node in self.bound.project.stored()]

    def of_freshness(self, source: Source) -> dg.AssetChecksDefinition:
        """Return the step that checks the age of a source."""
        spec = self.bound.translator.get_freshness_spec(source, self.bound.project)

        def evaluate(_: WarehouseSessions, warehouse: Warehouse, *__: object) -> list[dg.AssetCheckResult]:
            return [events.freshness_result(spec, source_freshness(warehouse, source))]

        return self._step(source, self.names.of_freshness(source), [spec], evaluate)

    def _step(
        self, source: Source, name: str, specs: Sequence[dg.AssetCheckSpec], evaluate: _Evaluate
    ) -> dg.AssetChecksDefinition:
        @dg.multi_asset_check(
            name=name,
            specs=specs,
            can_subset=True,
            required_resource_keys={f"{self.prefix}{RESOURCE_KEY}"},
            **_step_options(source, self.bound.translator),
        )
        def step(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
            resource = _sessions(context, self.prefix, self.bound)
            wanted = {key.name for key in context.selected_asset_check_keys}
            begun = _begun(self.bound, source)
            with _turn(resource, source, begun) as warehouse:
                yield from evaluate(resource, warehouse, begun, wanted)

        return step


def _waiting(spec: dg.AssetCheckSpec, keys: Sequence[dg.AssetKey]) -> dg.AssetCheckSpec:
    """Return a check that waits for more assets than its own."""
    return spec._replace(additional_deps=[*spec.additional_deps, *map(dg.AssetDep, keys)]) if keys else spec


def _begun(bound: BoundProject, node: Model | Seed | Source) -> NodeRunResult:
    with suppress(FftError):
        return not_started(node, bound.relation_of(node.name))
    return not_started(node, None)  # opening the session reports the error of the profile


@contextmanager
def _turn(resource: WarehouseSessions, node: Model | Seed | Source, begun: NodeRunResult) -> Iterator[Warehouse]:
    """Open the session of a step, interrupted with the run or after a timeout; report its beginning and failure."""
    resource.tell(StepStarted(begun.name, datetime.now(UTC)))
    seconds = None if isinstance(node, Source) else node.step.timeout
    with (
        events.step_failures(resource.masker, lambda error: resource.tell(ended_with_error(begun, error))),
        resource.session() as warehouse,
        interruptible(warehouse.engine.interrupt),
        limited(seconds, warehouse.engine.interrupt, str(node.name)),
    ):
        yield warehouse


def _check(
    resource: WarehouseSessions,
    warehouse: Warehouse,
    node: Model | Seed | Source,
    key: dg.AssetKey,
    checks: Sequence[Check],
    begun: NodeRunResult,
) -> Iterator[dg.AssetCheckResult]:
    results = check_node(warehouse, node.name, tuple(checks))
    resource.tell(ended_with_checks(begun, results))
    for result in results:
        yield events.check_result(key, result, events.PUBLISHED, resource.masker)
