"""Unit tests as asset checks, which only run on request.

A check belongs to an asset, and a selection of that asset runs its checks. Therefore unit tests are not checks of the
models: they are checks of external assets that stand for the tests, `unit_tests/users`, which nothing depends on. Jobs
and schedules of models leave them out, however they select models.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from fft_core import Model, Project
from fft_core.names.text import visible
from fft_core.project.model import UnitTest
from fft_core.project.profile.secrets import project_masker
from fft_core.unit_tests.run import UnitTestRunner
from fft_dagster import events
from fft_dagster.projects import BoundProject, bound_project
from fft_dagster.step_names import StepNames
from fft_dagster.translator import FftTranslator


def unit_test_specs(project: Project, translator: FftTranslator | None = None) -> list[dg.AssetSpec]:
    """Return an external asset for each model with unit tests; a chain belongs to its last model.

    >>> from fft_core import load_project
    >>> from fft_dagster import unit_test_specs
    >>> [spec.key.to_user_string() for spec in unit_test_specs(load_project("shop"))]
    ['unit_tests/users']
    """
    translator = translator or FftTranslator()
    return [
        dg.AssetSpec(
            _key_of(project.models[name], translator),
            description=f"The unit tests of {name}: models on given rows. They run on request only.",
            group_name="unit_tests",
            kinds={project.engine, "unit test"},
            metadata={"files": ", ".join(dict.fromkeys(str(test.location.path) for test in tests))},
        )
        for name, tests in _tests_by_model(project).items()
    ]


def unit_test_checks(
    project: Project, translator: FftTranslator | None = None, *, taken: Collection[str] = ()
) -> list[dg.AssetChecksDefinition]:
    """Return a check for each case of a unit test, and a step for each model with unit tests.

    A step only opens the profile's database if `fft utest` does: it needs no resource. Nothing waits for it, and its
    checks block nothing.

    Args:
        project: A loaded project.
        translator: The mapping of models to assets.
        taken: Names of steps that other assets use.

    >>> from fft_core import load_project
    >>> from fft_dagster import unit_test_checks
    >>> [key.name for checks in unit_test_checks(load_project("shop")) for key in checks.check_keys]
    ['lower_case']
    """
    bound = bound_project(project, translator)
    names = StepNames(bound, taken)
    return [_step(bound, names, project.models[name], tests) for name, tests in _tests_by_model(project).items()]


def unit_test_selection(project: Project, translator: FftTranslator | None = None) -> dg.AssetSelection:
    """Select all unit tests, and nothing else: for a job of their own.

    >>> import dagster as dg
    >>> from fft_core import load_project
    >>> from fft_dagster import build_definitions, unit_test_selection
    >>> job = dg.define_asset_job("unit_tests", unit_test_selection(load_project("shop")))
    >>> defs = dg.Definitions.merge(build_definitions("shop", unit_tests=True), dg.Definitions(jobs=[job]))
    >>> defs.resolve_job_def("unit_tests").execute_in_process().success
    True
    """
    keys = [spec.key for spec in unit_test_specs(project, translator)]
    return dg.AssetSelection.checks_for_assets(*keys)


def _key_of(model: Model, translator: FftTranslator) -> dg.AssetKey:
    """Return the key of the asset for the unit tests of a model: the model's key below `unit_tests`."""
    return translator.get_asset_key(model).with_prefix("unit_tests")


def _tests_by_model(project: Project) -> Mapping[str, list[UnitTest]]:
    found: dict[str, list[UnitTest]] = {}
    for test in project.unit_tests:
        found.setdefault(test.model, []).append(test)
    return found


@dataclass(frozen=True)
class _Case:
    """A case, and the name of its check: Dagster accepts letters, digits and underscores."""

    test: UnitTest
    name: str

    def spec(self, key: dg.AssetKey) -> dg.AssetCheckSpec:
        """Return the case as a check of an asset, which blocks nothing."""
        chain = f" (the chain {', '.join(self.test.models)})" if self.test.before else ""
        said = {"case": visible(self.test.name), "file": str(self.test.location)}
        return dg.AssetCheckSpec(
            self.name, asset=key, description=f"{said['case']}{chain}", blocking=False, metadata=said
        )


def _cases(tests: Sequence[UnitTest]) -> list[_Case]:
    uses = Counter(_identifier(test.name) for test in tests)
    return [_Case(test, _apart(test, uses)) for test in tests]


def _apart(test: UnitTest, uses: Mapping[str, int]) -> str:
    plain = _identifier(test.name)
    return plain if uses[plain] == 1 else f"{plain}_{hashlib.sha256(test.name.encode()).hexdigest()[:8]}"


def _identifier(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_") or "case"


def _step(bound: BoundProject, names: StepNames, model: Model, tests: Sequence[UnitTest]) -> dg.AssetChecksDefinition:
    project = bound.project
    cases, masker = _cases(tests), project_masker(project)
    key = _key_of(model, bound.translator)
    specs = [case.spec(key) for case in cases]

    @dg.multi_asset_check(name=names.of_unit_tests(model), specs=specs, can_subset=True)
    def step(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        wanted = {check.name for check in context.selected_asset_check_keys}
        with events.step_failures(masker), UnitTestRunner(project) as runner:
            for case in cases:
                if case.name in wanted:
                    yield events.unit_test_result(key, case.name, runner.run(case.test), masker)

    return step
